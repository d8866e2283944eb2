"""A kernel: a process, forked from the zygote, that runs one cell at a time in an IPython shell."""
from __future__ import annotations

import builtins
import importlib
import os
import select
import signal
import sys
import threading
from typing import Any, Callable, Dict, Set

from . import attempts, budget, descriptors, display, environment, figures, history, outlet, shell as shells, streams, wire, zombies

_ACKNOWLEDGED_MS = 50
# The agent knows their meaning (kernel_manager/execution.py).
EXIT_BROKEN = 70
_EXIT_NO_DESCRIPTORS = 71
EXIT_UNUSABLE = 72
_CANCEL_ROUNDS = 3

_getpid = os.getpid
_close = os.close
_exit = os._exit
_compile = compile
_invalidate_caches = importlib.invalidate_caches
_exec = exec
_signal = signal.signal
_getitimer = signal.getitimer
_setitimer = signal.setitimer
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_live_threads = threading.enumerate
_thread_id = threading.get_ident
_main = threading.main_thread()


class Kernel:
    """Runs the cells that arrive on its socket, and reports on the same socket."""

    def __init__(self, shell: shells.Shell, connection: wire.Connection) -> None:
        self._shell = shell
        self._tasks = shell.cell_tasks
        self._connection = connection
        self._streams = streams.Streams()
        self._pid = _getpid()
        self._running = False
        self._silent = False
        # The number of the current or last execution; the tasks and timers that existed before it.
        self._number = 0
        self._earlier_tasks: Set[Any] = set()
        self._earlier_timers: Set[int] = set()
        # Whether tasks run between cells; whether a cell was interrupted before the tasks let it begin.
        self._between = False
        self._overdue = False
        self._sending = 0
        self._interrupted = False
        self._lock = threading.RLock()
        self._reserve = descriptors.Reserve()
        self._child_code = 1
        self._threads: Set[threading.Thread] = set()
        self._builtins = dict(vars(builtins))
        self._handler: Callable[..., None] = self._on_interrupt
        self._send_to_agent = connection.send
        self._run_cell = shell.run_cell
        self._history = history.History(shell)
        self._attempts = attempts.Attempts()
        self._attempts.watch()
        poll = select.poll()
        poll.register(connection.fd, select.POLLIN)
        self._poll = poll.poll
        outlet.outlet.send = self.send
        # Through the shell, whose publisher captures where a cell asks for that.
        figures.figures.publish = lambda bundle: shell.display_pub.publish(bundle)
        os.register_at_fork(before=self._streams.flush_python, after_in_child=self._after_fork)

    def send(self, message: Dict[str, Any]) -> None:
        """Sends a whole message: an interrupt waits for its end, or the next message would start inside this one."""
        if _getpid() != self._pid:
            self._say(message)
            return
        if message["type"] in ("display_data", "execute_result") and not self._is_of_cell():
            # The agent drops messages that belong to no execution, but shows printed text with the next one.
            self._say(message)
            return
        self._sending += 1
        try:
            with self._lock:
                if message["type"] != "done":
                    self._streams.flush_python()
                for part in display.in_parts(message):
                    self._send_to_agent({**part, "execution": self._number})
                # Between cells only the main thread may read the socket: another would take its next message.
                if message["type"] in ("display_data", "clear_output") and self._running and not self._silent:
                    self._wait_for_acknowledgement()
        finally:
            self._sending -= 1
        if self._interrupted and not self._sending:
            self._interrupted = False
            raise KeyboardInterrupt

    def serve(self) -> None:
        """Runs cells until the agent closes the socket."""
        _signal(signal.SIGINT, self._handler)
        self._reserve.fill()
        while True:
            message, fds = self._receive()
            kind = message.get("type")
            if kind == "run_tasks":
                self._run_tasks()
            elif kind == "settle":
                self._settle()
            elif kind == "execute":
                self._streams.flush_python()
                descriptors.point_streams(fds)
                self._reserve.fill()
                if len(fds) != 2:
                    # The exit code reports it.
                    _exit(_EXIT_NO_DESCRIPTORS)
                self._cell(message)

    def _receive(self) -> Any:
        self._reserve.release()
        if _getpid() != self._pid:
            # A fork that Python did not see, as by libc from a task: the next message is not for this process.
            self._streams.flush()
            _exit(0)
        return self._connection.receive()

    def _settle(self) -> None:
        """Ends the tasks and timers of a cell that overran; the agent ends its threads and processes."""
        try:
            for timer in _TIMERS:
                if timer not in self._earlier_timers:
                    _setitimer(timer, 0)
            # A task that is cancelled may create another.
            for _ in range(_CANCEL_ROUNDS):
                if self._tasks.cancel(self._tasks.pending() - self._earlier_tasks):
                    break
            left = len(self._tasks.pending() - self._earlier_tasks)
        except BaseException:  # noqa: B036 - tasks may raise or break anything
            left = 1
        self.send({"type": "settled", "tasks": left})

    def _run_tasks(self) -> None:
        """Runs asyncio tasks of earlier cells until the next cell arrives, as Jupyter does."""
        try:
            try:
                self._between = True
                self._tasks.run_until_readable(self._connection.fd)
            finally:
                self._between = False
        except KeyboardInterrupt:
            self._between = False
            # The interrupt is for a cell that a task keeps from beginning.
            self._overdue = bool(self._poll(0))
        except BaseException:  # noqa: B036 - a task may raise or break anything; the next cell runs anyway
            pass

    def _is_of_cell(self) -> bool:
        return self._running and not (self._silent and _thread_id() != _main.ident)

    def _cell(self, message: Dict[str, Any]) -> None:
        outlet.outlet.errors = 0
        figures.figures.begin_cell()
        self._attempts.begin_cell()
        self._streams.begin_cell()
        self._interrupted = False
        overdue, self._overdue = self._overdue, False
        self._silent = message.get("silent") is True
        budget.budget.characters = message["budget"]
        self._number = message["execution"]
        self._earlier_tasks = self._tasks.pending()
        self._earlier_timers = {timer for timer in _TIMERS if _getitimer(timer)[0] > 0}
        _signal(signal.SIGINT, self._handler)
        surroundings = environment.Environment(message["env"], message["cwd"])
        try:
            surroundings.enter()
            self._running = True
            if overdue:
                raise KeyboardInterrupt("a task of an earlier cell did not yield; the cell did not run")
            descriptors.close_forgotten_sockets()
            if self._silent:
                self._run_silent(message["code"])
            else:
                self._run(message["code"])
            self._running = False
        except BaseException as error:  # noqa: B036 - whatever a cell raises, the kernel continues
            self._running = False
            self._report(error)
        surroundings.leave()
        if _getpid() != self._pid:
            # A cell called os.fork(), and the child reached the cell's end.
            self._streams.flush()
            _exit(self._child_code)
        if outlet.outlet.errors and not self._usable():
            _exit(EXIT_UNUSABLE)
        self._streams.flush()
        self._clean()
        # The agent checks where this thread is: after this message it goes straight to its socket.
        self._reserve.release()
        self.send(
            {
                "type": "done",
                "ok": outlet.outlet.errors == 0,
                "execution_count": int(self._shell.execution_count) - 1,
                "skipped": figures.figures.skipped,
                "threads": 0 if self._silent else self._new_threads(),
                "tasks": self._tasks.exist(),
            }
        )

    def _run(self, code: str) -> None:
        _invalidate_caches()
        # So that asyncio.get_event_loop() returns the loop that runs tasks.
        self._tasks.event_loop()
        result = self._run_cell(code[1:] if code.startswith("\ufeff") else code, store_history=True)
        ended = result.error_before_exec or result.error_in_exec
        if _getpid() != self._pid:
            self._child_code = outlet.exit_code(ended)
        else:
            if ended is not None and not outlet.outlet.errors and not outlet.is_quiet_exit(ended):
                # The shell could not show it, as with an exception whose own methods raise.
                self._report(ended)
            self._tasks.advance()
            figures.figures.show_all()
            outlet.outlet.show_held()
            for note in filter(None, (figures.figures.note(), self._attempts.note(ended))):
                outlet.note(note)

    def _run_silent(self, code: str) -> None:
        namespace = {
            "__builtins__": self._builtins,
            "__name__": "__omcp__",
            "user_ns": self._shell.user_ns,
            "display": outlet.publish,
        }
        _exec(_compile(code, "omcp_kernel/silent", "exec"), namespace)

    def _clean(self) -> None:
        """Reaps zombies and trims the history, even if a cell has changed the objects that it reads."""
        zombies.reap(self._pid)
        try:
            self._history.cell_ended()
        except Exception:
            pass

    def _usable(self) -> bool:
        """Whether the shell can run a cell at all. If it cannot, the kernel exits and is replaced."""
        send, outlet.outlet.send = outlet.outlet.send, None
        errors = outlet.outlet.errors
        try:
            return self._run_cell("None", store_history=False, silent=True).success is True
        except BaseException:  # noqa: B036 - whatever it is, no cell could run
            return False
        finally:
            outlet.outlet.send, outlet.outlet.errors = send, errors

    def _report(self, error: BaseException) -> None:
        try:
            outlet.report(error)
        except BaseException:  # noqa: B036 - hostile __str__ and the like
            outlet.outlet.errors += 1
            name = type.__getattribute__(type(error), "__name__")
            self.send({"type": "error", "ename": name, "evalue": "", "traceback": name})

    def _on_interrupt(self, _number: int, _frame: Any) -> None:
        if self._sending:
            self._interrupted = self._running
        elif self._running or self._between:
            raise KeyboardInterrupt

    def _wait_for_acknowledgement(self) -> None:
        """Waits until the agent has read the text printed before a display: otherwise later text would overtake the display."""
        # The agent does not read while its server is disconnected: then the cell continues without the order.
        if self._poll(_ACKNOWLEDGED_MS):
            self._connection.receive()

    def _after_fork(self) -> None:
        try:
            _close(self._connection.fd)
        except OSError:
            pass

    def _say(self, message: Dict[str, Any]) -> None:
        """Prints a message: in a process that a cell forked, and between cells, displays and errors are plain text."""
        if message.get("type") == "error":
            print(message["traceback"], file=sys.stderr)
        elif "text/plain" in message.get("data", {}) and not message.get("note"):
            print(message["data"]["text/plain"])

    def _new_threads(self) -> int:
        """How many threads the last execution added. Daemon threads are the libraries' own, not a cell's work."""
        live = {thread for thread in _live_threads() if thread is not _main and not thread.daemon}
        new = live - self._threads
        self._threads = live
        return len(new)
