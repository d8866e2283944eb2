"""Checks a kernel's messages: user code can write to its socket. Runs in the agent."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.message_types import Confinement


class Untrusted(Exception):
    """A kernel sent an invalid message."""


def text(value: Any, limit: int) -> str:
    """A text from a kernel, of at most `limit` characters, as valid Unicode."""
    if not isinstance(value, str) or len(value) > limit:
        raise Untrusted("a text is missing or too long")
    try:
        value.encode("utf-8")
        return value
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def count(value: Any) -> int:
    """A count from a kernel."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 53:
        raise Untrusted("a count is missing or impossible")
    return value


def confinement(value: Any) -> "Confinement":
    """The confinement that a process reported before it ran user code. Its shape is checked anyway."""
    if not isinstance(value, dict):
        raise Untrusted("no confinement was reported")
    return {
        "no_new_privs": value.get("no_new_privs") is True,
        "seccomp": count(value.get("seccomp")),
        "filters": count(value.get("filters")),
        "landlock": count(value.get("landlock")),
    }
