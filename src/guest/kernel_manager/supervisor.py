"""Runs one cell at a time in a kernel, and ends whatever overruns. Runs in the agent, on its loop."""
from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional

from . import processes
from .cell import BadRequest, Cell, Claim, Request
from .clearing import clear_all
from .epilogue import FORGED, Epilogue
from .kernel_manager import KernelEvents, KernelManager
from .background_processes import BackgroundProcesses
from .losses import Losses
from .memory_hang import MemoryHang
from .printed import Printed
from .state import Emit, KernelState
from .threads import NewThreads
from .untrusted import Untrusted, count

# Seconds. After SIGINT a cell has so long to yield; then all is stopped and killed.
_YIELD = 1.0
# A first SIGINT may come just before the kernel begins with the cell, or where Python ignores exceptions: so long after it is another.
_INSIST = 0.5
_POLL = 0.004
_DEFAULT_OUTPUT_BYTES = 1 << 20


class KernelSupervisor:
    """What the agent calls; replies and events go out through `emit`, requests' replies as `{"type": "reply", …}`."""

    def __init__(self, loop: Any, config: Dict[str, Any], emit: Emit, can_emit: Callable[[], bool]) -> None:
        settings = config.get("kernel", config) or {}
        self._loop = loop
        self._emit = emit
        self._can_emit = can_emit
        preload = [name for name in settings.get("preload") or [] if isinstance(name, str)]
        self._output_bytes = int(settings.get("max_output_bytes") or _DEFAULT_OUTPUT_BYTES)
        self._printed = Printed(loop, emit, can_emit, lambda: self._cell)
        told = KernelEvents(
            on_starting=lambda: self._state.tell(self._state.now if self._kernel.ready else "starting"),
            on_confinement=self._on_confinement,
            on_ready=self._on_ready,
            on_message=self._on_message,
            on_ended=self._on_ended,
            on_unavailable=lambda message: self._die("kernel_unavailable", message),
            can_start=lambda: not self._stopped and not self._clearing and self._state.now != "dead",
            can_read=can_emit,
        )
        self._kernel = KernelManager(loop, preload, told)
        self._leftovers = BackgroundProcesses(self._kernel.pids)
        self._threads = NewThreads()
        self._epilogue: Optional[Epilogue] = None
        self._losses = Losses()
        self._hang = MemoryHang(loop, self._on_memory_hang)
        self._cell: Optional[Cell] = None
        self._cells = 0
        self._execution_count = 0
        self._state = KernelState(emit)
        self._clearing = False
        self._restarts: List[int] = []
        self._stopped = False

    # -- What the agent calls --

    def start(self) -> None:
        """Starts a zygote, and a kernel from it. The state is told by `kernel_state` events."""
        self._state.begin()
        self._kernel.start()

    def execute(self, request_id: int, params: Any) -> None:
        """Runs a cell, or says why not. A cell that comes while the kernel starts waits for it, within its own deadline."""
        try:
            request = Request(params, self._output_bytes)
        except BadRequest as error:
            self._refuse(request_id, "invalid_argument", str(error))
            return
        if self._cell is not None:
            self._refuse(request_id, "busy", "A cell is running")
        elif self._state.now == "dead":
            known = self._state.error
            self._refuse(request_id, known["code"], known["message"] + "; the cell did not run")
        else:
            self._cells += 1
            cell = Cell(request_id, self._cells, request, self._loop.time())
            self._cell = cell
            cell.timer = self._loop.call_later(request.timeout_ms / 1000, self._on_deadline, cell)
            if self._kernel.ready and not self._clearing:
                self._send_cell(cell)

    def interrupt(self, request_id: int, _params: Any = None) -> None:
        """Ends the running cell; its variables are kept when it yields within a second."""
        cell = self._cell
        runs = cell is not None and cell.ending is None and cell.claim is None
        self._answer(request_id, {"interrupted": runs})
        if cell is not None and runs:
            self._end_cell(cell, "interrupted")

    def restart(self, request_id: int, _params: Any = None) -> None:
        """Ends the kernel and all its processes; answers when a new kernel is ready."""
        self._restarts.append(request_id)
        self._losses.asked_for()
        self._kernel.forgive()
        if self._state.now == "dead":
            self.start()
            return
        cell = self._cell
        if cell is not None and cell.ending is None:
            cell.ending = "interrupted"
        self._replace_kernel()

    def status(self, request_id: int, _params: Any = None) -> None:
        """The kernel's state and how many processes cells have left."""
        state = "busy" if self._cell is not None and self._state.now == "idle" else self._state.now
        self._answer(request_id, {"kernel": state, "background_processes": self._leftovers.count()})

    def child_exited(self, pid: int, status: int) -> bool:
        """To be told of every process that was reaped; says whether it was one of ours."""
        return self._kernel.child_exited(pid, status)

    def resume_output(self) -> None:
        """The agent can take events again."""
        self._kernel.resume()
        if self._cell is not None and self._cell.output is not None:
            self._cell.output.resume()

    def stop(self) -> None:
        """Ends everything at once."""
        self._stopped = True
        if self._cell is not None:
            self._cell.stop_timer()
        self._printed.close()
        self._kernel.stop()
        pid = self._kernel.pid
        processes.kill([*processes.living((), pid), *([pid] if pid else [])])

    # -- What the kernel manager reports --

    def _on_confinement(self, facts: Dict[str, Any]) -> None:
        self._state.confinement = facts
        if not self._kernel.ready:
            self._state.tell(self._state.now)

    def _on_ready(self) -> None:
        self._execution_count = 0
        self._losses.kernel_begins()
        self._state.tell("idle")
        for request_id in self._restarts:
            self._answer(request_id, {})
        self._restarts = []
        if self._cell is not None and not self._cell.sent:
            self._send_cell(self._cell)

    def _on_message(self, message: Dict[str, Any]) -> None:
        cell = self._cell
        if cell is None or not cell.sent:
            # A thread of an earlier cell, or a forger: it belongs to nothing.
            return
        kind = message.get("type")
        if count(message.get("cell")) != cell.number:
            return
        if kind == "settled" and self._epilogue is not None:
            self._epilogue.settled(count(message.get("tasks")))
            return
        if cell.claim is not None:
            if kind == "done":
                cell.forged = True
                raise Untrusted("it said twice that the cell was done")
            return
        if kind == "done":
            self._on_claim(cell, Claim(message))
            return
        if cell.output is not None and kind != "part":
            cell.output.drain()
        event = cell.event(message)
        if event is not None:
            self._emit(cell.request_id, cell.record(event))
        if kind in ("display", "clear"):
            self._kernel.send({"type": "taken"})

    def _on_ended(self, status: int, broken: Optional[str]) -> None:
        if self._clearing:
            return
        cell = self._cell
        died, reason = self._losses.kernel_ended(status, cell is not None and cell.sent)
        if cell is None or not cell.sent:
            self._replace_kernel()
            return
        reason = broken or reason
        if reason is not None:
            self._explain(cell, reason)
        self._replace_kernel(died)

    def _explain(self, cell: Cell, reason: str) -> None:
        message = "The kernel was ended: %s" % reason
        if cell.output is not None:
            cell.output.drain()
        self._emit(cell.request_id, {"type": "error", "name": "KernelEnded", "value": message, "traceback": message})

    # -- Cells --

    def _send_cell(self, cell: Cell) -> None:
        self._printed.drain()
        if not self._leftovers.cell_begins(self._kernel.control):
            # Until it is gone.
            self._loop.call_later(_POLL, self._send_waiting, cell)
            return
        self._threads.begin(self._kernel.pid)
        self._losses.cell_begins()
        try:
            write_fds = self._printed.open(cell)
        except OSError as error:
            cell.stop_timer()
            self._cell = None
            self._refuse(cell.request_id, "no_pipes", "No pipes for the cell: %s; it did not run" % error)
            return
        cell.sent = True
        self._hang.begin(self._kernel.main)
        message = {"type": "cell", "cell": cell.number, "code": cell.request.code, "internal": cell.request.internal}
        message["budget"] = cell.request.max_output_bytes
        self._kernel.send(message, write_fds)

    def _send_waiting(self, cell: Cell) -> None:
        if cell is self._cell and not cell.sent and self._kernel.ready and not self._clearing:
            self._send_cell(cell)

    def _on_claim(self, cell: Cell, claim: Claim) -> None:
        """The kernel says that the cell is done."""
        self._hang.stop()
        cell.claim = claim
        cell.yielded = self._loop.time()
        cell.stop_timer()
        main = self._kernel.main
        if main is None:
            return
        self._epilogue = Epilogue(
            self._loop,
            self._leftovers,
            self._threads,
            main,
            self._kernel,
            lambda reason: self._on_true(cell, claim, reason),
            lambda: self._on_false(cell),
        )
        self._epilogue.begin(cell.ending is not None)

    def _on_true(self, cell: Cell, claim: Claim, reason: Optional[str]) -> None:
        """It waits for the next message: what it has said until now is all there is of the cell."""
        self._kernel.drain()
        if cell is not self._cell or cell.forged or self._clearing:
            return
        cell.displays.totals["count"] += claim.skipped
        cell.threads = claim.threads
        self._execution_count = claim.execution_count
        if reason is not None:
            self._explain(cell, reason)
            self._replace_kernel()
            return
        self._epilogue = None
        self._finish(cell, cell.ending or ("ok" if claim.ok else "error"), "kept", None)
        if claim.tasks:
            self._kernel.send({"type": "go_on"})

    def _on_false(self, cell: Cell) -> None:
        cell.forged = True
        self._kernel.distrust(FORGED)

    def _on_memory_hang(self) -> None:
        cell = self._cell
        if cell is not None and cell.sent and cell.ending is None and not self._clearing:
            self._explain(cell, "the cell waited for a process that the memory limit had ended")
            self._replace_kernel({"signal": None, "exit_code": None, "oom": True})

    def _on_deadline(self, cell: Cell) -> None:
        self._end_cell(cell, "timeout")

    def _end_cell(self, cell: Cell, why: str) -> None:
        cell.stop_timer()
        if cell is not self._cell or cell.claim is not None:
            return
        cell.ending = cell.ending or why
        if not cell.sent:
            if why == "interrupted":
                self._finish(cell, why, "kept", None)
            else:
                self._cell = None
                message = "The kernel was not ready before the cell's deadline; the cell did not run"
                self._refuse(cell.request_id, "kernel_unavailable", message)
        elif self._kernel.pid and not self._clearing:
            self._leftovers.interrupt()
            cell.timer = self._loop.call_later(_INSIST, self._insist, cell)

    def _insist(self, cell: Cell) -> None:
        cell.timer = self._loop.call_later(_YIELD - _INSIST, self._replace_kernel)
        if self._kernel.pid and not self._clearing:
            self._leftovers.interrupt()

    def _finish(self, cell: Cell, status: str, kernel: str, died: Optional[Dict[str, Any]]) -> None:
        """The one place where a cell that was taken on gets its reply."""
        cell.stop_timer()
        totals = self._printed.end(cell)
        self._cell = None
        result = cell.result(status, kernel, totals, cell.yielded or self._loop.time())
        result["execution_count"] = self._execution_count
        result["died"] = died
        result["forged"] = cell.forged
        reports = not cell.request.internal
        result.update(self._losses.report(reports))
        shows = kernel == "kept" and reports
        result["background_processes"] = self._leftovers.report() if shows else 0
        result["background_threads"] = cell.threads if shows else 0
        self._answer(cell.request_id, result)

    # -- Stop, kill, reap, begin anew --

    def _replace_kernel(self, died: Optional[Dict[str, Any]] = None) -> None:
        """Ends all but the zygote, and has a new kernel forked. The running cell is answered when all are gone."""
        if self._clearing or self._stopped:
            return
        self._clearing = True
        self._hang.stop()
        if self._epilogue is not None:
            self._epilogue.stop()
            self._epilogue = None
        if self._cell is not None:
            self._cell.stop_timer()
        clear_all(self._loop, self._kernel.pids, lambda: self._finish_cleared(died), self._on_cleared)

    def _on_cleared(self) -> None:
        self._kernel.pid = 0
        self._kernel.drop()
        self._leftovers.forget()
        self._clearing = False
        self._kernel.start_if_none()

    def _finish_cleared(self, died: Optional[Dict[str, Any]]) -> None:
        cell = self._cell
        if cell is not None and cell.sent:
            # A cell that was being ended when its kernel died was ended.
            status = cell.ending or ("kernel_died" if died is not None else "interrupted")
            self._execution_count = 0
            self._finish(cell, status, "restarted", died)

    # -- Words --

    def _die(self, code: str, message: str) -> None:
        self._state.die(code, message)
        cell = self._cell
        if cell is not None and not cell.sent:
            cell.stop_timer()
            self._cell = None
            self._refuse(cell.request_id, code, message + "; the cell did not run")
        for request_id in self._restarts:
            self._refuse(request_id, code, message)
        self._restarts = []

    def _answer(self, request_id: int, result: Dict[str, Any]) -> None:
        self._emit(request_id, {"type": "reply", "result": result})

    def _refuse(self, request_id: int, code: str, message: str) -> None:
        self._emit(request_id, {"type": "reply", "error": {"code": code, "message": message}})
