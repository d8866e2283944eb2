"""Keeps a zygote and a kernel, runs one cell at a time in it, and ends whatever overruns. Runs in the agent, on its loop.

The kernel is PID 1's own child (the zygote forks twice), so that its end is told by `child_exited`.
"""
from __future__ import annotations

import os
import signal
from typing import Any, Callable, Dict, List, Optional

from . import cgroup, launch, processes
from .cell import BadRequest, Cell, Request, Untrusted, count
from .leftovers import Leftovers
from .link import Link, pair
from .output import CellOutput, LateOutput

# Seconds. After SIGINT a cell has so long to yield; then all is stopped and killed, which may take the second one.
_YIELD = 1.0
_KILL = 0.8
# A cell is answered after that; no kernel is forked before the last process is gone, unless it will not go.
_KILL_AT_MOST = 10.0
_KILL_POLL = 0.004
_ZYGOTE_READY = 60.0
_KERNEL_READY = 10.0
_EXIT_AFTER_END = 0.3
_RETRY = (0.05, 0.2, 0.5, 1.0, 2.0)
_MAX_STARTS = 5
_DEFAULT_OUTPUT_BYTES = 1 << 20

# What the kernel says by its exit code.
_EXIT_CODES = {
    70: "it lost its connection to the agent, as when a cell closes descriptors that are not its own",
    71: "it had no free file descriptors for the cell's output; the cell did not run",
    72: "it could not go on, as when a cell replaces builtins that Python itself needs",
}

Emit = Callable[[int, Dict[str, Any]], None]


class KernelSupervisor:
    """What the agent calls; replies and events go out through `emit`, requests' replies as `{"type": "reply", …}`."""

    def __init__(self, loop: Any, config: Dict[str, Any], emit: Emit, can_emit: Callable[[], bool]) -> None:
        settings = config.get("kernel", config) or {}
        self._loop = loop
        self._emit = emit
        self._can_emit = can_emit
        self._preload: List[str] = [name for name in settings.get("preload") or [] if isinstance(name, str)]
        self._output_bytes = int(settings.get("max_output_bytes") or _DEFAULT_OUTPUT_BYTES)
        self._late = LateOutput(loop)
        self._leftovers = Leftovers(loop, self._own_pids, lambda: self._cell is not None)
        self._zygote_pid = 0
        self._zygote: Optional[Link] = None
        self._zygote_ready = False
        self._zygote_timer: Any = None
        self._kernel_pid = 0
        self._kernel: Optional[Link] = None
        self._kernel_ready = False
        self._kernel_timer: Any = None
        self._exit_timer: Any = None
        self._failures = 0
        self._cell: Optional[Cell] = None
        self._cells = 0
        self._execution_count = 0
        self._state = "starting"
        self._error: Optional[Dict[str, str]] = None
        self._confinement: Optional[Dict[str, Any]] = None
        self._told: Optional[Dict[str, Any]] = None
        self._clearing = False
        self._restarts: List[int] = []
        self._ended_pids: Dict[int, int] = {}
        self._broken: Optional[str] = None
        self._stopped = False

    # -- What the agent calls --

    def start(self) -> None:
        """Starts a zygote, and a kernel from it. The state is told by `kernel_state` events."""
        self._error = None
        self._state = "starting"
        if self._zygote is None:
            self._start_zygote()
        elif self._zygote_ready:
            self._start_kernel()

    def execute(self, request_id: int, params: Any) -> None:
        """Runs a cell, or says why not. A cell that comes while the kernel starts waits for it, within its own deadline."""
        try:
            request = Request(params, self._output_bytes)
        except BadRequest as error:
            self._refuse(request_id, "invalid_argument", str(error))
            return
        if self._cell is not None:
            self._refuse(request_id, "busy", "A cell is running")
        elif self._state == "dead":
            known = self._error or {"code": "kernel_unavailable", "message": "There is no kernel"}
            self._refuse(request_id, known["code"], known["message"] + "; the cell did not run")
        else:
            self._cells += 1
            cell = Cell(request_id, self._cells, request, self._loop.time())
            self._cell = cell
            cell.timer = self._loop.call_later(request.timeout_ms / 1000, self._on_deadline, cell)
            if self._kernel_ready and not self._clearing:
                self._send_cell(cell)

    def interrupt(self, request_id: int, _params: Any = None) -> None:
        """Ends the running cell; its variables are kept when it yields within a second."""
        cell = self._cell
        self._answer(request_id, {"interrupted": cell is not None and cell.ending is None})
        if cell is not None and cell.ending is None:
            self._end_cell(cell, "interrupted")

    def restart(self, request_id: int, _params: Any = None) -> None:
        """Ends the kernel and all its processes; answers when a new kernel is ready."""
        self._restarts.append(request_id)
        self._failures = 0
        if self._state == "dead":
            self.start()
            return
        cell = self._cell
        if cell is not None and cell.ending is None:
            cell.ending = "interrupted"
        self._replace_kernel()

    def status(self, request_id: int, _params: Any = None) -> None:
        """The kernel's state and how many processes cells have left."""
        state = "busy" if self._cell is not None and self._state == "idle" else self._state
        self._answer(request_id, {"kernel": state, "background_processes": self._leftovers.count()})

    def child_exited(self, pid: int, status: int) -> bool:
        """To be told of every process that was reaped; says whether it was one of ours."""
        if pid <= 0:
            return False
        if pid == self._zygote_pid:
            self._zygote_ended(status)
            return True
        if pid == self._kernel_pid:
            self._kernel_ended(status)
            return True
        if self._kernel is not None and not self._kernel_pid:
            # It may be a kernel that ended before its first word was read.
            self._ended_pids[pid] = status
            if len(self._ended_pids) > 256:
                self._ended_pids.pop(next(iter(self._ended_pids)))
        return False

    def resume_output(self) -> None:
        """The agent can take events again."""
        if self._kernel is not None:
            self._kernel.resume()
        if self._cell is not None and self._cell.output is not None:
            self._cell.output.resume()

    def stop(self) -> None:
        """Ends everything at once."""
        self._stopped = True
        if self._cell is not None:
            self._cell.stop_timer()
        for link in (self._kernel, self._zygote):
            if link is not None:
                link.close()
        self._late.close()
        zygote, kernel = self._own_pids()
        processes.kill([*processes.living((zygote, kernel), kernel), *(pid for pid in (zygote, kernel) if pid)])

    # -- The zygote --

    def _own_pids(self) -> Any:
        return self._zygote_pid, self._kernel_pid

    def _start_zygote(self) -> None:
        if self._stopped:
            return
        if self._failures >= _MAX_STARTS:
            self._die("kernel_unavailable", "The kernel could not be started after %d attempts" % self._failures)
            return
        self._tell("starting")
        try:
            own, other = pair()
            try:
                self._zygote_pid = launch.start(own, other)
            finally:
                other.close()
            self._zygote = Link(self._loop, own, self._on_zygote_message, self._on_zygote_end)
            self._zygote.send(launch.boot_message(self._preload, cgroup.processors()))
        except OSError as error:
            self._zygote_pid = 0
            self._zygote_failed("Cannot start the zygote: %s" % error)
            return
        self._zygote_timer = self._loop.call_later(_ZYGOTE_READY, self._on_zygote_slow)

    def _on_zygote_message(self, message: Dict[str, Any]) -> None:
        kind = message.get("type")
        if kind == "confinement":
            self._confinement = _confinement(message.get("confinement"))
            self._tell("starting")
        elif kind == "ready":
            self._stop_zygote_timer()
            self._zygote_ready = True
            if self._kernel is None and not self._clearing:
                self._start_kernel()
        elif kind == "unavailable":
            self._stop_zygote_timer()
            self._die("kernel_unavailable", str(message.get("message"))[:1000])
        elif kind == "threads":
            # It ends by itself; the next one goes without that module.
            name = message.get("module")
            if name in self._preload:
                self._preload.remove(name)
            else:
                self._failures += 1
        elif kind == "fork_failed":
            self._kernel_lost("Cannot fork a kernel: %s" % str(message.get("message"))[:200])

    def _on_zygote_end(self, _reason: Optional[str]) -> None:
        self._zygote = None
        processes.kill([self._zygote_pid] if self._zygote_pid else [])

    def _on_zygote_slow(self) -> None:
        self._zygote_timer = None
        processes.kill([self._zygote_pid] if self._zygote_pid else [])

    def _zygote_ended(self, _status: int) -> None:
        self._stop_zygote_timer()
        self._zygote_pid = 0
        if self._zygote is not None:
            # Its last words say whether another try makes sense.
            self._zygote.drain()
        if self._zygote is not None:
            self._zygote.close()
            self._zygote = None
        was_ready, self._zygote_ready = self._zygote_ready, False
        if self._stopped or self._state == "dead":
            return
        self._failures = 0 if was_ready else self._failures + 1
        if self._kernel is not None and not self._kernel_ready:
            self._drop_kernel()
        self._loop.call_later(_RETRY[min(self._failures, len(_RETRY) - 1)], self._start_zygote_if_none)

    def _zygote_failed(self, _message: str) -> None:
        self._failures += 1
        if self._zygote is not None:
            self._zygote.close()
            self._zygote = None
        self._loop.call_later(_RETRY[min(self._failures, len(_RETRY) - 1)], self._start_zygote_if_none)

    def _start_zygote_if_none(self) -> None:
        if not self._zygote_pid and self._state != "dead":
            self._start_zygote()

    def _stop_zygote_timer(self) -> None:
        if self._zygote_timer is not None:
            self._zygote_timer.cancel()
            self._zygote_timer = None

    # -- The kernel --

    def _start_kernel(self) -> None:
        if self._stopped or self._zygote is None or not self._zygote_ready:
            return
        self._tell("starting")
        try:
            own, other = pair()
            self._kernel = Link(self._loop, own, self._on_kernel_message, self._on_kernel_end)
            self._zygote.send({"type": "fork"}, [other.detach()])
        except OSError:
            self._kernel_lost("no descriptors")
            return
        self._kernel_timer = self._loop.call_later(_KERNEL_READY, self._on_kernel_slow)

    def _on_kernel_message(self, message: Dict[str, Any]) -> None:
        try:
            self._take_kernel_message(message)
        except Untrusted as error:
            self._distrust(str(error))
        if self._kernel is not None and self._kernel_ready and not self._can_emit():
            self._kernel.pause()

    def _take_kernel_message(self, message: Dict[str, Any]) -> None:
        kind = message.get("type")
        if not self._kernel_ready:
            if kind != "ready":
                raise Untrusted("a kernel spoke before it was ready")
            self._on_kernel_ready(message)
            return
        cell = self._cell
        if cell is None or not cell.sent:
            # A thread of an earlier cell, or a forger: it belongs to nothing.
            return
        if kind == "done":
            if message.get("cell") == cell.number:
                self._on_done(cell, message)
            return
        event = cell.event(message)
        if event is not None:
            if cell.output is not None:
                cell.output.drain()
            self._emit(cell.request_id, event)
        if kind == "display" and self._kernel is not None:
            self._kernel.send({"type": "taken"})

    def _on_kernel_ready(self, message: Dict[str, Any]) -> None:
        pid = count(message.get("pid"))
        if pid in (0, 1, os.getpid(), self._zygote_pid):
            raise Untrusted("a kernel gave an impossible process id")
        self._confinement = _confinement(message.get("confinement"))
        self._stop_kernel_timer()
        self._kernel_pid = pid
        self._kernel_ready = True
        self._failures = 0
        self._execution_count = 0
        self._tell("idle")
        for request_id in self._restarts:
            self._answer(request_id, {})
        self._restarts = []
        status = self._ended_pids.pop(pid, None)
        self._ended_pids.clear()
        if status is not None:
            self._kernel_ended(status)
        elif self._cell is not None and not self._cell.sent:
            self._send_cell(self._cell)

    def _on_kernel_slow(self) -> None:
        self._kernel_timer = None
        self._kernel_lost("the kernel was not ready in time")

    def _on_kernel_end(self, reason: Optional[str]) -> None:
        """The socket is closed, by the kernel's end or by the cell that runs in it."""
        self._kernel = None
        if reason is not None:
            self._distrust(reason)
        elif not self._kernel_ready:
            self._kernel_lost("the kernel ended before it was ready")
        elif self._kernel_pid:
            self._exit_timer = self._loop.call_later(_EXIT_AFTER_END, self._distrust, "its control socket was closed")

    def _distrust(self, reason: str) -> None:
        """A kernel whose socket is not ours alone any more cannot be kept."""
        self._broken = reason
        if self._kernel_pid:
            processes.kill([self._kernel_pid])
        else:
            self._kernel_lost(reason)

    def _kernel_lost(self, _why: str) -> None:
        """A kernel that never was: try again, with a new zygote when it keeps failing."""
        self._drop_kernel()
        self._failures += 1
        if self._stopped or self._state == "dead" or self._clearing:
            return
        if self._failures >= _MAX_STARTS:
            self._die("kernel_unavailable", "The kernel could not be started after %d attempts" % self._failures)
        elif self._failures >= 2 and self._zygote_pid:
            processes.kill([self._zygote_pid])
        else:
            self._loop.call_later(_RETRY[min(self._failures, len(_RETRY) - 1)], self._start_kernel_if_none)

    def _start_kernel_if_none(self) -> None:
        if self._kernel is None and not self._kernel_pid and not self._clearing and self._state != "dead":
            self._start_kernel()

    def _kernel_ended(self, status: int) -> None:
        """It was reaped: by its own fault, by memory's, or because we have killed it."""
        if self._kernel is not None:
            self._kernel.drain()
        self._kernel_pid = 0
        self._drop_kernel()
        cell = self._cell
        if self._clearing:
            return
        died = None
        if cell is not None and cell.sent:
            died = self._cause(cell, status)
        self._replace_kernel(died)

    def _cause(self, cell: Cell, status: int) -> Dict[str, Any]:
        number, code = launch.read_status(status)
        kills = cgroup.oom_kills()
        oom = number == signal.SIGKILL and cell.oom_before is not None and kills is not None and kills > cell.oom_before
        self._broken = self._broken or _EXIT_CODES.get(code or 0)
        if self._broken is not None:
            message = "The kernel was ended: %s" % self._broken
            event = {"type": "error", "name": "KernelEnded", "value": message, "traceback": message}
            if cell.output is not None:
                cell.output.drain()
            self._emit(cell.request_id, event)
        name = None if number is None else _signal_name(number)
        return {"signal": name, "exit_code": code, "oom": oom}

    def _drop_kernel(self) -> None:
        self._stop_kernel_timer()
        if self._exit_timer is not None:
            self._exit_timer.cancel()
            self._exit_timer = None
        if self._kernel is not None:
            self._kernel.close()
            self._kernel = None
        self._kernel_ready = False
        self._broken = None if not self._kernel_pid else self._broken

    def _stop_kernel_timer(self) -> None:
        if self._kernel_timer is not None:
            self._kernel_timer.cancel()
            self._kernel_timer = None

    # -- Cells --

    def _send_cell(self, cell: Cell) -> None:
        cell.oom_before = cgroup.oom_kills()
        try:
            cell.output = CellOutput(
                self._loop,
                cell.request.max_output_bytes,
                lambda event: self._emit(cell.request_id, event),
                self._can_emit,
            )
        except OSError as error:
            cell.stop_timer()
            self._cell = None
            self._refuse(cell.request_id, "internal", "No pipes for the cell: %s; it did not run" % error)
            return
        cell.sent = True
        message = {"type": "cell", "cell": cell.number, "code": cell.request.code, "internal": cell.request.internal}
        if self._kernel is not None:
            self._kernel.send(message, cell.output.take_write_fds())

    def _on_done(self, cell: Cell, message: Dict[str, Any]) -> None:
        executed = count(message.get("execution_count"))
        cell.displays["count"] += count(message.get("skipped"))
        self._execution_count = executed
        outcome = "ok" if message.get("ok") is True else "error"
        self._finish(cell, cell.ending or outcome, "kept", None)

    def _on_deadline(self, cell: Cell) -> None:
        self._end_cell(cell, "timeout")

    def _end_cell(self, cell: Cell, why: str) -> None:
        cell.stop_timer()
        if cell is not self._cell:
            return
        cell.ending = cell.ending or why
        if not cell.sent:
            if why == "interrupted":
                self._finish(cell, why, "kept", None)
            else:
                self._cell = None
                message = "The kernel was not ready before the cell's deadline; the cell did not run"
                self._refuse(cell.request_id, "kernel_unavailable", message)
        elif self._kernel_pid and not self._clearing:
            processes.send_group(self._kernel_pid, signal.SIGINT)
            cell.timer = self._loop.call_later(_YIELD, self._replace_kernel)

    def _finish(self, cell: Cell, status: str, kernel: str, died: Optional[Dict[str, Any]]) -> None:
        """The one place where a cell that was taken on gets its reply."""
        cell.stop_timer()
        nothing = {"stdout": {"bytes": 0, "kept": 0}, "stderr": {"bytes": 0, "kept": 0}}
        totals: Dict[str, Any] = cell.output.finish(self._late) if cell.output is not None else nothing
        self._cell = None
        left = self._leftovers.cell_ended(cell.deadline) if kernel == "kept" else 0
        self._answer(
            cell.request_id,
            {
                "status": status,
                "kernel": kernel,
                "execution_count": self._execution_count,
                "elapsed_ms": int((self._loop.time() - cell.started) * 1000),
                "output": {**totals, "displays": cell.displays},
                "died": died,
                "background_processes": left,
            },
        )

    # -- Stop, kill, reap, begin anew --

    def _replace_kernel(self, died: Optional[Dict[str, Any]] = None) -> None:
        """Ends all but the zygote, and has a new kernel forked. The running cell is told when all are gone."""
        if self._clearing or self._stopped:
            return
        self._clearing = True
        if self._cell is not None:
            self._cell.stop_timer()
        processes.freeze()
        self._clear(died, self._loop.time() + _KILL)

    def _clear(self, died: Optional[Dict[str, Any]], until: float) -> None:
        """Kills, and looks again until all are reaped: a zygote let loose earlier would meet the process limit."""
        zygote = self._zygote_pid
        if processes.is_init():
            rest = processes.snapshot((zygote,))
        else:
            rest = processes.family(processes.snapshot((zygote,)), {self._kernel_pid} - {0}, self._kernel_pid or -2)
        left = [pid for pid, process in rest.items() if not (process.zombie and process.parent == zygote)]
        processes.kill(left)
        now = self._loop.time()
        if not left or now >= until:
            self._finish_cleared(died)
        if left and now < until + _KILL_AT_MOST:
            self._loop.call_later(_KILL_POLL, self._clear, died, until)
            return
        if zygote and processes.is_init():
            processes.send(zygote, signal.SIGCONT)
        self._kernel_pid = 0
        self._drop_kernel()
        self._leftovers.forget()
        self._clearing = False
        if self._zygote_ready:
            self._start_kernel()

    def _finish_cleared(self, died: Optional[Dict[str, Any]]) -> None:
        cell = self._cell
        if cell is not None and cell.sent:
            # A cell that was being ended when its kernel died was ended.
            status = cell.ending or ("kernel_died" if died is not None else "interrupted")
            self._execution_count = 0
            self._finish(cell, status, "restarted", died)

    # -- Words --

    def _die(self, code: str, message: str) -> None:
        self._error = {"code": code, "message": message}
        self._tell("dead")
        cell = self._cell
        if cell is not None and not cell.sent:
            cell.stop_timer()
            self._cell = None
            self._refuse(cell.request_id, code, message + "; the cell did not run")
        for request_id in self._restarts:
            self._refuse(request_id, code, message)
        self._restarts = []

    def _tell(self, state: str) -> None:
        self._state = state
        event = {"type": "kernel_state", "state": state, "confinement": self._confinement, "error": self._error}
        if event != self._told:
            self._told = event
            self._emit(0, event)

    def _answer(self, request_id: int, result: Dict[str, Any]) -> None:
        self._emit(request_id, {"type": "reply", "result": result})

    def _refuse(self, request_id: int, code: str, message: str) -> None:
        self._emit(request_id, {"type": "reply", "error": {"code": code, "message": message}})


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "SIG%d" % number


def _confinement(value: Any) -> Dict[str, Any]:
    """The facts a process reported before it ran any user code; of the right shape all the same."""
    if not isinstance(value, dict):
        raise Untrusted("no confinement was reported")
    return {
        "no_new_privs": value.get("no_new_privs") is True,
        "seccomp": count(value.get("seccomp")),
        "filters": count(value.get("filters")),
        "landlock": count(value.get("landlock")),
    }
