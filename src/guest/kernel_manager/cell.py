"""One cell on its way through a kernel: what was asked, what came of it, and the caps on what it shows. Runs in the agent."""
from __future__ import annotations

import os
import signal
from typing import Any, Dict, Optional, Tuple

from kernel.wire import MAX_MESSAGE_BYTES

from .displays import Displays
from .output import CellOutput, NAMES
from .untrusted import Untrusted, count, text

MAX_CODE_BYTES = 1 << 20
MAX_TIMEOUT_MS = 86_400_000
MAX_OUTPUT_BYTES = 64 << 20

_MAX_ERRORS = 20
_MAX_NAME = 1024


# What the kernel says by its exit code.
_EXIT_CODES = {
    70: "it lost its connection to the agent, as when a cell closes descriptors that are not its own",
    71: "it had no free file descriptors for the cell's output; the cell did not run",
    72: "it could not go on, as when a cell replaces builtins that Python itself needs",
}


class BadRequest(Exception):
    """A request that is not as the contract says."""


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


class Claim:
    """A kernel's word that a cell is done. Raises Untrusted."""

    def __init__(self, message: Dict[str, Any]) -> None:
        self.ok = message.get("ok") is True
        self.tasks = message.get("tasks") is True
        self.execution_count = count(message.get("execution_count"))
        self.skipped = count(message.get("skipped"))
        self.threads = count(message.get("threads"))


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
        # What its kernel says of its end, until it is known to be true.
        self.claim: Optional[Claim] = None
        self.yielded: Optional[float] = None
        # Whether what it gave as values may be made up.
        self.forged = False
        self.displays = Displays(request.max_output_bytes)
        # That it left running and that were not reported before.
        self.threads = 0
        self._cleared = False
        self._errors = 0

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def record(self, event: Dict[str, Any]) -> Dict[str, Any]:
        """Every event of the cell passes here on its way."""
        self._cleared = event["type"] == "clear"
        return event

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
                "value": text(message.get("value"), MAX_MESSAGE_BYTES),
                "traceback": text(message.get("traceback"), MAX_MESSAGE_BYTES),
                **({"note": True} if message.get("note") is True else {}),
            }
        if kind == "clear":
            # One after the other clears nothing more: a million of them must not keep the server busy.
            return None if self._cleared else {"type": kind, "wait": message.get("wait") is True}
        if kind == "part":
            return self.displays.part(message)
        if kind in ("display", "result"):
            return self.displays.take(message)
        raise Untrusted("a message of an unknown type")

    def result(self, status: str, kernel: str, totals: Dict[str, Dict[str, int]], now: float) -> Dict[str, Any]:
        """What the reply says of the cell itself."""
        output: Dict[str, Any] = {name: totals.get(name, {"bytes": 0, "kept": 0}) for name in NAMES}
        output["displays"] = self.displays.totals
        elapsed = int((now - self.started) * 1000)
        return {"status": status, "kernel": kernel, "elapsed_ms": elapsed, "output": output}


def cause_of_death(status: int, oom_kills: int) -> Tuple[Dict[str, Any], Optional[str]]:
    """Of a kernel: by its wait status, by what the memory limit has killed meanwhile, and in words if we know any."""
    number, code = _read_status(status)
    name = None if number is None else _signal_name(number)
    oom = number == signal.SIGKILL and oom_kills > 0
    return {"signal": name, "exit_code": code, "oom": oom}, _EXIT_CODES.get(code or 0)


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
