"""One cell on its way through a kernel: what was asked, what came of it, and the caps on what it shows. Runs in the agent."""
from __future__ import annotations

import math
import os
import signal
from typing import Any, Dict, Optional, Tuple

from . import cgroup
from .output import CellOutput, NAMES

MAX_CODE_BYTES = 1 << 20
MAX_TIMEOUT_MS = 86_400_000
MAX_OUTPUT_BYTES = 64 << 20

_MAX_DISPLAYS = 100
_MAX_DISPLAY_BYTES = 16 << 20
_MAX_ERRORS = 20
_MAX_NAME = 1024
_MAX_ERROR_CHARACTERS = 1 << 20
_MAX_MIME_TYPES = 32
_MAX_DEPTH = 64
# A whole number of more bits is beyond what a double, the server's only kind of number, can hold.
_MAX_NUMBER_BITS = 1023


# What the kernel says by its exit code.
_EXIT_CODES = {
    70: "it lost its connection to the agent, as when a cell closes descriptors that are not its own",
    71: "it had no free file descriptors for the cell's output; the cell did not run",
    72: "it could not go on, as when a cell replaces builtins that Python itself needs",
}


class BadRequest(Exception):
    """A request that is not as the contract says."""


class Untrusted(Exception):
    """A kernel sent what no kernel of ours sends."""


class Request:
    """The checked parameters of `execute`."""

    def __init__(self, params: Any, default_output_bytes: int) -> None:
        if not isinstance(params, dict):
            raise BadRequest("execute takes an object")
        self.code = params.get("code")
        if not isinstance(self.code, str):
            raise BadRequest("code must be a text")
        size = len(self.code.encode("utf-8", "surrogatepass"))
        if size > MAX_CODE_BYTES:
            raise BadRequest("code must be at most %d bytes: received %d" % (MAX_CODE_BYTES, size))
        self.timeout_ms = _whole(params, "timeout_ms", 1, MAX_TIMEOUT_MS, None)
        self.max_output_bytes = _whole(params, "max_output_bytes", 0, MAX_OUTPUT_BYTES, default_output_bytes)
        self.internal = params.get("internal", False)
        if not isinstance(self.internal, bool):
            raise BadRequest("internal must be true or false")


def _whole(params: Dict[str, Any], name: str, least: int, most: int, default: Optional[int]) -> int:
    value = params.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BadRequest("%s must be a whole number from %d to %d: received %.40r" % (name, least, most, value))
    return value


class Cell:
    """A request that was taken on. Times are of the agent's monotonic clock, in seconds."""

    def __init__(self, request_id: int, number: int, request: Request, now: float) -> None:
        self.request_id = request_id
        self.number = number
        self.request = request
        self.started = now
        self.deadline = now + request.timeout_ms / 1000
        self.output: Optional[CellOutput] = None
        self.sent = False
        # Why it is being ended: "timeout", "interrupted", or nothing.
        self.ending: Optional[str] = None
        self.timer: Any = None
        self.oom_before: Optional[int] = None
        self.displays = {"count": 0, "kept": 0, "bytes": 0}
        # That it left running and that were not reported before.
        self.threads = 0
        self._errors = 0
        self._noted = False

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def event(self, message: Dict[str, Any]) -> Optional[Dict[str, Any]]:
        """The event that a kernel's message becomes; None when it is beyond a cap. Raises Untrusted."""
        kind = message.get("type")
        if kind == "error":
            self._errors += 1
            if self._errors > _MAX_ERRORS:
                return None
            return {
                "type": "error",
                "name": text(message.get("name"), _MAX_NAME),
                "value": text(message.get("value"), _MAX_ERROR_CHARACTERS),
                "traceback": text(message.get("traceback"), _MAX_ERROR_CHARACTERS),
                **({"note": True} if message.get("note") is True else {}),
            }
        if kind == "clear":
            return {"type": kind, "wait": message.get("wait") is True}
        if kind not in ("display", "result"):
            raise Untrusted("a message of an unknown type")
        data, size = _bundle(message.get("data"))
        metadata, more = _bundle(message.get("metadata"))
        if not self._noted and metadata.get("omcp") == {"note": True}:
            # One note on what was left out is no display of the cell's own.
            self._noted = True
            return {"type": kind, "data": data, "metadata": metadata}
        self.displays["count"] += 1
        self.displays["bytes"] += size
        # The result comes last: pictures before it must not push it out.
        most = _MAX_DISPLAYS + (1 if kind == "result" else 0)
        if self.displays["kept"] >= most or self.displays["bytes"] + more > _MAX_DISPLAY_BYTES:
            return None
        self.displays["kept"] += 1
        return {"type": kind, "data": data, "metadata": metadata}

    def result(self, status: str, kernel: str, totals: Dict[str, Dict[str, int]], now: float) -> Dict[str, Any]:
        """What the reply says of the cell itself."""
        output: Dict[str, Any] = {name: totals.get(name, {"bytes": 0, "kept": 0}) for name in NAMES}
        output["displays"] = self.displays
        elapsed = int((now - self.started) * 1000)
        return {"status": status, "kernel": kernel, "elapsed_ms": elapsed, "output": output}

    def cause_of_death(self, status: int) -> Tuple[Dict[str, Any], Optional[str]]:
        """Of a kernel, while this cell ran: by its wait status, by the memory limit's counter, and in words if we know any."""
        number, code = _read_status(status)
        kills = cgroup.oom_kills()
        oom = number == signal.SIGKILL and self.oom_before is not None and kills is not None and kills > self.oom_before
        name = None if number is None else _signal_name(number)
        return {"signal": name, "exit_code": code, "oom": oom}, _EXIT_CODES.get(code or 0)


def text(value: Any, limit: int) -> str:
    """A text from a kernel, as valid UTF-8."""
    if not isinstance(value, str) or len(value) > limit:
        raise Untrusted("a text is missing or too long")
    return _valid(value)


def count(value: Any) -> int:
    """A number from a kernel."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 53:
        raise Untrusted("a count is missing or impossible")
    return value


def _valid(value: str) -> str:
    try:
        value.encode("utf-8")
        return value
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _bundle(value: Any) -> Tuple[Dict[str, Any], int]:
    if not isinstance(value, dict) or len(value) > _MAX_MIME_TYPES:
        raise Untrusted("a bundle is no small object")
    kept: Dict[str, Any] = {}
    size = 0
    for name, item in value.items():
        name = text(name, 256)
        kept[name], more = _plain(item, 0)
        size += more
    return kept, size


def _plain(value: Any, depth: int) -> Tuple[Any, int]:
    """A JSON value with every text made valid, and about how many bytes it has."""
    if isinstance(value, str):
        return _valid(value), len(value)
    if isinstance(value, (dict, list)):
        if depth >= _MAX_DEPTH:
            raise Untrusted("a value is nested too deep")
        if isinstance(value, list):
            parts = [_plain(item, depth + 1) for item in value]
            return [part for part, _ in parts], sum(size for _, size in parts) + 1
        pairs = [(_valid(name), _plain(item, depth + 1)) for name, item in value.items()]
        return {name: part for name, (part, _) in pairs}, sum(size + len(name) for name, (_, size) in pairs) + 1
    if isinstance(value, float) and not math.isfinite(value):
        return None, 8
    if isinstance(value, int) and value.bit_length() > _MAX_NUMBER_BITS:
        digits = str(value)
        return digits, len(digits)
    return value, 8


def _read_status(status: int) -> Tuple[Optional[int], Optional[int]]:
    """Signal and exit code of a wait status, one of them None."""
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status), None
    return None, os.WEXITSTATUS(status)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "SIG%d" % number
