"""One execution: what was requested, its state, and the caps on its errors and displays. Runs in the agent."""
from __future__ import annotations

import errno
import os
import signal
import stat
from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple

from agent.contract import ExecuteParams
from kernel.wire import MAX_MESSAGE_BYTES

from .displays import Displays
from .output import ExecutionOutput
from .untrusted import Untrusted, count, text

if TYPE_CHECKING:
    from agent.message_types import Death, Ending, Error, Event, OutputTotals, StreamTotals

_WORKSPACE = "/workspace"
_MAX_ERRORS = 20
_MAX_NAME = 1024


# The meaning of a kernel's exit codes.
_EXIT_CODES = {
    70: "it lost its connection to the agent, as when a cell closes descriptors that are not its own",
    71: "it had no free file descriptors for the cell's output; the cell did not run",
    72: "it could not continue, as when a cell replaces builtins that Python itself needs",
}


class Claim:
    """A kernel's report that an execution is done. Raises Untrusted."""

    def __init__(self, message: Dict[str, Any]) -> None:
        self.ok = message.get("ok") is True
        self.tasks = message.get("tasks") is True
        self.execution_count = count(message.get("execution_count"))
        self.skipped = count(message.get("skipped"))
        self.threads = count(message.get("threads"))


class Execution:
    """An accepted request. Times are seconds of the agent's monotonic clock."""

    def __init__(self, request_id: int, number: int, params: ExecuteParams, now: float) -> None:
        self.request_id = request_id
        self.number = number
        self.params = params
        self.started = now
        self.output: Optional[ExecutionOutput] = None
        # Whether the kernel has its cell.
        self.sent = False
        # Why it is being ended: "timeout", "interrupted", or None.
        self.ending: "Optional[Ending]" = None
        self.timer: Any = None
        # The kernel's report of its end, which may be false.
        self.claim: Optional[Claim] = None
        self.yielded: Optional[float] = None
        # Whether its values may be made up.
        self.forged = False
        self.displays = Displays(params.max_text_characters)
        # Threads that it left running and that were not reported before.
        self.threads = 0
        self._cleared = False
        self._errors = 0

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def record(self, event: "Event") -> "Event":
        """Every event of the execution passes through here."""
        self._cleared = event["type"] == "clear_output"
        return event

    def event(self, message: Dict[str, Any]) -> "Optional[Event]":
        """The event for a kernel's message; None when it is beyond a cap. Raises Untrusted."""
        kind = message.get("type")
        if kind == "error":
            self._errors += 1
            if self._errors > _MAX_ERRORS:
                return None
            error: "Error" = {
                "type": "error",
                "ename": text(message.get("ename"), _MAX_NAME),
                "evalue": text(message.get("evalue"), MAX_MESSAGE_BYTES),
                "traceback": text(message.get("traceback"), MAX_MESSAGE_BYTES),
            }
            if message.get("note") is True:
                error["note"] = True
            return error
        if kind == "clear_output":
            # A second one in a row clears nothing more: a million of them must not keep the server busy.
            return None if self._cleared else {"type": "clear_output", "wait": message.get("wait") is True}
        if kind == "part":
            return self.displays.part(message)
        if kind in ("display_data", "execute_result"):
            return self.displays.take(message)
        raise Untrusted("a message of an unknown type")

    def totals(self, printed: "Dict[str, StreamTotals]") -> "OutputTotals":
        """The totals of its output."""
        nothing: "StreamTotals" = {"bytes": 0, "kept": 0}
        return {
            "stdout": printed.get("stdout", nothing),
            "stderr": printed.get("stderr", nothing),
            "displays": self.displays.totals,
        }

    @property
    def folder(self) -> Optional[str]:
        """The working folder for its cell, absolute; None for the kernel's own."""
        return None if self.params.cwd is None else os.path.join(_WORKSPACE, self.params.cwd)

    def elapsed_ms(self, now: float) -> int:
        """From its request to its end, or to now."""
        return int(((self.yielded or now) - self.started) * 1000)


def folder_problem(folder: str) -> Optional[str]:
    """Why a folder cannot be a working folder; None if it can be."""
    try:
        mode = os.stat(folder).st_mode
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    if not stat.S_ISDIR(mode):
        return os.strerror(errno.ENOTDIR)
    return None if os.access(folder, os.X_OK) else os.strerror(errno.EACCES)


def cause_of_death(status: int, oom_kills: int) -> "Tuple[Death, Optional[str]]":
    """How a kernel ended, by its wait status and the memory limit's kills; and a reason for a reader if there is one."""
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
