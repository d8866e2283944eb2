"""One call of a tool: a connection to the agent's socket, a line of JSON each way."""

from __future__ import annotations

import json
import os
import socket
import threading
import warnings
from typing import Any, Dict, List, Optional

SOCKET = "/run/omcp/tools.sock"
# Longer than any call may take: a cell waits for so long only if the server has vanished without closing the connection.
_SECONDS = 900.0
# As the server allows.
_REQUEST_BYTES = 256 * 1024
_PART_BYTES = 1 << 16
# Threads of one process wait for each other here: the server refuses what exceeds the sandbox's sixteen.
_slots = threading.BoundedSemaphore(8)


class OmcpWarning(UserWarning):
    """What a reader of a result must know."""


class OmcpError(Exception):
    """Why a call failed: a stable `code`, what happened (`message`), what state remains (`state`), what to do (`next`), `retryable`, `details`."""

    def __init__(
        self,
        code: str,
        message: str,
        state: Optional[str] = None,
        next: Optional[str] = None,
        retryable: bool = False,
        details: Optional[Dict[str, Any]] = None,
    ) -> None:
        super().__init__(code, message, state, next, retryable, details)
        self.code = code
        self.message = message
        self.state = state
        self.next = next
        self.retryable = retryable
        self.details: Dict[str, Any] = details or {}

    def __str__(self) -> str:
        lines = ["%s: %s" % (self.code, self.message)]
        if self.next:
            lines.append("Next: %s" % self.next)
        return "\n".join(lines)


def call(tool: str, /, **arguments: Any) -> Dict[str, Any]:
    """Calls a tool of the server, such as `omcp.call("get_concept", concept_id=201826)`; returns its answer as a dict.

    Only tools that read can be called. Raises OmcpError.
    """
    return request(tool, arguments)


def request(tool: str, arguments: Dict[str, Any], ran: bool = False, empty: bool = False) -> Dict[str, Any]:
    """The same; `ran`: the code has run the SQL of an earlier answer; `empty`: it found no rows."""
    given = {name: value for name, value in arguments.items() if value is not None}
    line = json.dumps({"tool": tool, "arguments": given, "ran": ran, "empty": empty}, default=_plain).encode("ascii") + b"\n"
    if len(line) > _REQUEST_BYTES:
        raise OmcpError("invalid_argument", "A call may have at most %d bytes: it has %d." % (_REQUEST_BYTES, len(line)), "Nothing was done.")
    answer = _exchange(line)
    if answer.get("ok") is True:
        value: Dict[str, Any] = answer["value"]
        return value
    raise OmcpError(**answer["error"])


def warn(notes: List[str], level: int) -> None:
    """Shows the notes of an answer. `level`: how many calls up the user's code is."""
    for note in notes:
        warnings.warn(note, OmcpWarning, stacklevel=level + 1)


def _exchange(line: bytes) -> Dict[str, Any]:
    try:
        with _slots, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            # First: with a timeout, a connection would be refused while others wait to be accepted.
            connection.connect(SOCKET)
            connection.settimeout(_SECONDS)
            connection.sendall(line)
            text = _read(connection)
    except (FileNotFoundError, ConnectionRefusedError):
        raise OmcpError(
            "database_unavailable", "This server answers no calls by code.", next="No database is configured: work with files in /workspace."
        ) from None
    except OSError as error:
        raise OmcpError("sandbox_lost", "The call failed: %s." % (error.strerror or error), next="Try again.", retryable=True) from error
    try:
        answer: Dict[str, Any] = json.loads(text)
        return answer
    except ValueError:
        raise OmcpError("sandbox_lost", "The server ended the call without an answer.", next="Try again.", retryable=True) from None


def _read(connection: socket.socket) -> bytes:
    parts: List[bytes] = []
    while not parts or not parts[-1].endswith(b"\n"):
        part = connection.recv(_PART_BYTES)
        if not part:
            break
        parts.append(part)
    return b"".join(parts)


def _plain(value: Any) -> Any:
    """Converts what JSON lacks: numbers and lists of numpy and pandas, dates, sets."""
    for method in ("tolist", "item", "isoformat"):
        convert = getattr(value, method, None)
        if callable(convert):
            return convert()
    if isinstance(value, (set, frozenset, range)):
        return list(value)
    raise TypeError("Cannot pass a %s to a tool" % type(value).__name__)


def reaches_database() -> bool:
    """Whether code here has a connection to the database of its own."""
    return "PGHOST" in os.environ
