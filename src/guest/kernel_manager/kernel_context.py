"""A context: runs one execution at a time in a kernel, and ends those that overrun. Runs in the agent, on its loop.

Longer than 300 lines because all of it moves the one execution from state to state: accepted, sent, claimed, ending, replied. Code that
does not need that state has its own modules: replies, overrun, kernel_replacement, epilogue, losses, printed.
"""
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Optional

from agent.contract import ExecuteParams, KernelConfig
from agent.saved_output import SavedOutputs

from . import processes
from .background_processes import BackgroundProcesses
from .epilogue import FORGED, Epilogue
from .execution import Claim, Execution, folder_problem
from .kernel_manager import KernelEvents, KernelManager
from .kernel_processes import KernelProcesses, Pids
from .kernel_replacement import KernelReplacement
from .losses import Losses
from .measurement import Measured, Measurement
from .memory_hang import MemoryHang
from .overrun import Overrun
from .printed import Printed
from .replies import Replies
from .state import Emit, KernelState
from .threads import NewThreads
from .untrusted import Untrusted, count
from .zygote_manager import ZygoteManager

if TYPE_CHECKING:
    from agent.message_types import Confinement, Death, Ending, ErrorCode, KernelFate, StatusResult

# Seconds between two checks for processes that still hold the kernel's socket.
_POLL = 0.004


class Sandbox(NamedTuple):
    """What all contexts of a sandbox share. `reapers` returns a pid for each context: of its subreaper, or 0."""

    loop: Any
    config: KernelConfig
    emit: Emit
    can_emit: Callable[[], bool]
    outputs: SavedOutputs
    zygote: ZygoteManager
    reapers: "Callable[[], Dict[str, int]]"


class KernelContext:
    """A named interpreter: a kernel, its executions, one at a time, and what they leave running."""

    def __init__(self, name: str, sandbox: Sandbox, confinement: "Optional[Confinement]") -> None:
        self.name = name
        self._loop = loop = sandbox.loop
        self._zygote = sandbox.zygote
        self._reapers = sandbox.reapers
        self._emit = emit = sandbox.emit
        self._printed = Printed(loop, emit, sandbox.can_emit, lambda: self._execution, sandbox.outputs)
        self._measurement = Measurement(loop)
        self._state = KernelState(emit, name, confinement)
        events = KernelEvents(
            on_starting=self.on_zygote_starting,
            on_confinement=self.on_confinement,
            on_ready=self._on_ready,
            on_message=self._on_message,
            on_ended=self._on_ended,
            on_unavailable=lambda message: self._die("kernel_unavailable", message),
            can_start=lambda: not self._stopped and not self._replacement.runs and self._state.now != "dead",
            is_awaited=lambda: bool(self._waiting) or self._execution is not None,
            can_read=sandbox.can_emit,
        )
        self._kernel = KernelManager(loop, sandbox.zygote, events)
        self.on_zygote_ready = self._kernel.start_if_none
        self.on_zygote_unavailable = self._kernel.on_zygote_unavailable
        self.on_fork_failed = self._kernel.on_fork_failed
        self.on_zygote_ended = self._kernel.on_zygote_ended
        self._processes = KernelProcesses(self._pids)
        self._background = BackgroundProcesses(self._processes)
        self._threads = NewThreads()
        self._epilogue: Optional[Epilogue] = None
        self._losses = Losses()
        self._replies = Replies(emit, self._losses, self._background)
        self._replacement = KernelReplacement(
            loop,
            sandbox.config.clear_ms / 1000,
            self._kernel,
            self._processes,
            self._background,
            self._finish_replaced,
            self._on_replaced,
        )
        self._hang = MemoryHang(loop, self._processes, self._on_memory_hang)
        can_signal = lambda: bool(self._kernel.pid) and not self._replacement.runs  # noqa: E731
        self._overrun = Overrun(loop, sandbox.config, self._background, can_signal, self._replace_kernel)
        self._execution: Optional[Execution] = None
        self._executions = 0
        self._execution_count = 0
        # Requests that are answered when a kernel is ready: start_kernel, which a server sends before a cell that waits, and restart.
        self._waiting: List[int] = []
        # Requests that are answered when everything has ended, and what to call before the answer.
        self._removals: List[int] = []
        self._on_removed: Callable[[], None] = lambda: None
        self._stopped = False

    @property
    def reaper(self) -> int:
        """The pid of the subreaper above its kernel; 0 while none runs."""
        return self._kernel.reaper

    # -- What the supervisor calls --

    def start(self) -> None:
        """Starts a zygote if none runs, and a kernel from it. `execution_state` events report the progress."""
        self._state.begin()
        self._kernel.start()

    def execute(self, request_id: int, params: ExecuteParams) -> None:
        """Runs a cell, or replies why not. A cell that arrives while the kernel starts waits for it, within its own timeout."""
        self._kernel.look()
        if self._execution is not None:
            self._replies.error(request_id, "busy", "A cell is running; this one did not run")
        elif self._state.now == "dead":
            known = self._state.error
            self._replies.error(request_id, known["code"], known["message"] + "; the cell did not run")
        else:
            execution = Execution(request_id, self._executions + 1, params, self._loop.time())
            problem = None if execution.folder is None else folder_problem(execution.folder)
            if problem is not None:
                message = "Cannot use %s as the working folder: %s; the cell did not run"
                self._replies.error(request_id, "invalid_argument", message % (execution.folder, problem))
                return
            self._executions += 1
            self._execution = execution
            execution.timer = self._loop.call_later(params.timeout_ms / 1000, self._end_early, execution, "timeout")
            if self._kernel.ready and not self._replacement.runs:
                self._send_cell(execution)
            else:
                self._kernel.start_if_none()

    def start_kernel(self, request_id: int) -> None:
        """The server has a cell that waits: a kernel starts at once, even if the zygote has not imported all modules yet."""
        if self._kernel.ready or self._state.now == "dead":
            # Without a kernel, the cell's own request says why.
            self._replies.result(request_id, {})
            return
        self._waiting.append(request_id)
        self._kernel.start_if_none()

    def interrupt(self, request_id: int) -> None:
        """Ends the execution; variables are kept if it ends in time."""
        execution = self._execution
        runs = execution is not None and execution.ending is None and execution.claim is None
        self._replies.result(request_id, {"interrupted": runs})
        if execution is not None and runs:
            self._end_early(execution, "interrupted")

    def restart(self, request_id: int) -> None:
        """Ends the kernel and all its processes; replies when a new kernel is ready."""
        self._waiting.append(request_id)
        self._losses.asked_for()
        self._kernel.forgive()
        if self._state.now == "dead":
            self.start()
            return
        if not self._kernel.ready and not self._replacement.runs:
            # The kernel that is starting is new already. If it were ended during its fork, its report would never arrive.
            self._kernel.start_if_none()
            return
        self._end_execution()
        self._replace_kernel()

    def remove(self, request_id: int, on_removed: Callable[[], None]) -> None:
        """Ends everything, then calls `on_removed` and replies. It takes no requests after that."""
        self._removals.append(request_id)
        self._on_removed = on_removed
        # No other kernel starts.
        self._stopped = True
        self._end_execution()
        if self._kernel.ready or self._replacement.runs:
            self._replace_kernel()
        else:
            self._kernel.drop()
            self._on_replaced()

    def status(self) -> "StatusResult":
        """The kernel's state and the number of processes that executions have left running."""
        now = self._state.now
        state = "busy" if self._execution is not None and now == "idle" else now
        return {"execution_state": state, "background_processes": self._background.count()}

    def file_written(self, found: os.stat_result) -> None:
        """The agent has written this file for the server."""
        self._measurement.written(found)

    def resume_output(self) -> None:
        """There is room for events again."""
        self._kernel.resume()
        if self._execution is not None and self._execution.output is not None:
            self._execution.output.resume()

    def stop(self) -> None:
        """Ends everything at once."""
        self._stopped = True
        if self._execution is not None:
            self._execution.stop_timer()
        self._measurement.stop()
        self._printed.close()
        victims = self._processes.all()
        self._kernel.stop()
        processes.kill(victims)

    # -- What the zygote's and the kernel's manager report --

    def on_zygote_starting(self) -> None:
        """A zygote or a kernel starts."""
        self._state.report(self._state.now if self._kernel.ready else "starting")

    def on_confinement(self, confinement: "Confinement") -> None:
        """The confinement of this kernel or of every future one is known."""
        self._state.confinement = confinement
        if not self._kernel.ready:
            self._state.report(self._state.now)

    def _on_ready(self) -> None:
        self._execution_count = 0
        self._losses.kernel_begins()
        self._state.report("idle")
        for request_id in self._take_waiting():
            self._replies.result(request_id, {})
        if self._execution is not None and not self._execution.sent:
            self._send_cell(self._execution)

    def _on_message(self, message: Dict[str, Any]) -> None:
        execution = self._execution
        if execution is None or not execution.sent:
            # From a thread of an earlier execution, or forged: it belongs to no execution.
            return
        kind = message.get("type")
        if count(message.get("execution")) != execution.number:
            return
        if kind == "settled" and self._epilogue is not None:
            self._epilogue.settled(count(message.get("tasks")))
            return
        if execution.claim is not None:
            if kind == "done":
                execution.forged = True
                raise Untrusted("it reported twice that the cell was done")
            return
        if kind == "done":
            self._on_claim(execution, Claim(message))
            return
        if execution.output is not None and kind != "part":
            execution.output.drain()
        event = execution.event(message)
        if event is not None:
            self._emit(execution.request_id, execution.record(event))
        if kind in ("display_data", "clear_output") and not execution.params.silent:
            # A silent execution has no printed text whose order matters.
            self._kernel.send({"type": "acknowledged"})

    def _on_ended(self, status: int, broken: Optional[str]) -> None:
        if self._replacement.runs:
            return
        execution = self._execution
        died, reason = self._losses.kernel_ended(status, execution is not None and execution.sent)
        if execution is None or not execution.sent:
            self._replace_kernel()
            return
        reason = broken or reason
        if reason is not None:
            self._replies.kernel_ended(execution, reason)
        self._replace_kernel(died)

    def _die(self, code: "ErrorCode", message: str) -> None:
        self._state.die(code, message)
        execution = self._execution
        if execution is not None and not execution.sent:
            self._refuse(execution, code, message + "; the cell did not run")
        for request_id in self._take_waiting():
            self._replies.error(request_id, code, message)

    def _take_waiting(self) -> List[int]:
        waiting, self._waiting = self._waiting, []
        return waiting

    # -- An execution from its cell to its reply --

    def _send_cell(self, execution: Execution) -> None:
        self._printed.drain()
        # The time counts from the cell's request. A cell that waited for a kernel has a new one, whose socket no other process holds.
        if not self._background.execution_begins(self._kernel.control, self._loop.time() - execution.started):
            self._loop.call_later(_POLL, self._send_waiting, execution)
            return
        self._threads.begin(self._kernel.pid)
        self._losses.execution_begins()
        try:
            write_fds = self._printed.open(execution)
        except OSError as error:
            self._refuse(execution, "no_pipes", "No pipes for the cell's output: %s; the cell did not run" % error)
            return
        execution.sent = True
        self._hang.begin(self._kernel.main)
        self._measurement.begin()
        message = {
            "type": "execute",
            "execution": execution.number,
            "code": execution.params.code,
            "silent": execution.params.silent,
            "budget": execution.params.max_text_characters,
            "env": execution.params.env,
            "cwd": execution.folder,
        }
        self._kernel.send(message, write_fds)

    def _send_waiting(self, execution: Execution) -> None:
        if execution is self._execution and not execution.sent and self._kernel.ready and not self._replacement.runs:
            self._send_cell(execution)

    def _on_claim(self, execution: Execution, claim: Claim) -> None:
        """The kernel reports that the execution is done: the epilogue finds out whether that is true."""
        self._hang.stop()
        execution.claim = claim
        execution.yielded = self._loop.time()
        execution.stop_timer()
        main = self._kernel.main
        if main is None:
            return
        self._epilogue = Epilogue(
            self._loop,
            self._background,
            self._threads,
            main,
            self._kernel,
            lambda reason: self._on_true(execution, claim, reason),
            lambda: self._on_false(execution),
        )
        self._epilogue.begin(execution.ending is not None)

    def _on_true(self, execution: Execution, claim: Claim, reason: Optional[str]) -> None:
        """The kernel waits for its next message: what it has sent until now is all of this execution."""
        self._kernel.drain()
        if execution is not self._execution or execution.forged or self._replacement.runs:
            return
        execution.displays.totals["count"] += claim.skipped
        execution.threads = claim.threads
        self._execution_count = claim.execution_count
        if reason is not None:
            self._replies.kernel_ended(execution, reason)
            self._replace_kernel()
            return
        self._epilogue = None
        seconds = (execution.yielded or execution.started) - execution.started
        self._measurement.end(execution, seconds, lambda measured: self._on_measured(execution, claim, measured))

    def _on_measured(self, execution: Execution, claim: Claim, measured: Measured) -> None:
        """The last step of an execution whose kernel is kept."""
        if execution is not self._execution or execution.forged or self._replacement.runs:
            # The kernel has ended meanwhile: the replacement's end is the execution's.
            return
        self._finish(execution, execution.ending or ("ok" if claim.ok else "error"), "kept", None, measured)
        if claim.tasks:
            self._kernel.send({"type": "run_tasks"})

    def _on_false(self, execution: Execution) -> None:
        execution.forged = True
        self._kernel.distrust(FORGED)

    def _on_memory_hang(self) -> None:
        execution = self._execution
        if execution is not None and execution.sent and execution.ending is None and not self._replacement.runs:
            self._replies.kernel_ended(execution, "the cell waited for a process that the memory limit had ended")
            self._replace_kernel({"signal": None, "exit_code": None, "oom": True})

    def _end_early(self, execution: Execution, why: "Ending") -> None:
        execution.stop_timer()
        if execution is not self._execution or execution.claim is not None:
            return
        execution.ending = execution.ending or why
        if execution.sent:
            self._overrun.begin(execution)
        elif why == "interrupted":
            self._finish(execution, why, "kept", None, self._measurement.end_now(execution))
        else:
            message = "The kernel was not ready before the cell's timeout; the cell did not run"
            self._refuse(execution, "kernel_unavailable", message)

    def _refuse(self, execution: Execution, code: "ErrorCode", message: str) -> None:
        """The reply to an execution whose cell was not sent."""
        execution.stop_timer()
        self._execution = None
        self._replies.error(execution.request_id, code, message)

    def _finish(
        self,
        execution: Execution,
        status: "Ending",
        kernel: "KernelFate",
        died: "Optional[Death]",
        measured: Measured,
    ) -> None:
        """The reply to an execution whose cell was sent, or that was interrupted before."""
        execution.stop_timer()
        printed = self._printed.end(execution)
        self._execution = None
        count = self._execution_count
        self._replies.executed(execution, status, kernel, died, count, printed, measured, self._loop.time())

    # -- Another kernel --

    def _replace_kernel(self, died: "Optional[Death]" = None) -> None:
        """Ends the kernel. The execution gets its reply when all processes have ended, or after `clear_ms`."""
        if self._replacement.runs or (self._stopped and not self._removals):
            return
        self._hang.stop()
        if self._epilogue is not None:
            self._epilogue.stop()
            self._epilogue = None
        if self._execution is not None:
            self._execution.stop_timer()
        self._replacement.begin(died)

    def _finish_replaced(self, died: "Optional[Death]") -> None:
        execution = self._execution
        if execution is not None and execution.sent:
            # If the execution was being ended when its kernel died, it counts as ended.
            status = execution.ending or ("kernel_died" if died is not None else "interrupted")
            self._execution_count = 0
            self._finish(execution, status, "restarted", died, self._measurement.end_now(execution))

    def _on_replaced(self) -> None:
        """All processes have ended, and another kernel starts unless the context is to be removed."""
        if not self._removals:
            return
        self._measurement.stop()
        self._printed.close()
        execution = self._execution
        if execution is not None:
            self._finish(execution, "interrupted", "restarted", None, self._measurement.end_now(execution))
        self._on_removed()
        for request_id in self._take_waiting():
            self._replies.error(request_id, "kernel_unavailable", "The context was removed")
        for request_id in self._removals:
            self._replies.result(request_id, {})
        self._removals = []

    def _end_execution(self) -> None:
        if self._execution is not None and self._execution.ending is None:
            self._execution.ending = "interrupted"

    def _pids(self) -> Pids:
        others = [pid for name, pid in self._reapers().items() if name != self.name]
        return Pids(self._zygote.pid, self._kernel.pid, self._kernel.reaper, others)
