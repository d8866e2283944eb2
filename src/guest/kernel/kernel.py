"""A kernel: the process that runs cells. Forked from the zygote, it takes its place, then serves one cell at a time."""
from __future__ import annotations

import builtins
import fcntl
import importlib
import os
import random
import resource
import select
import signal
import sys
import threading
from typing import Any, Callable, Dict, List, Optional, Set

from . import confine, figures, shell as shells, streams, wire

_CONTROL_FD = 200
_RESERVED_FDS = 3
_FIRST_FREE_FD = 3
_MANY_ZOMBIES = 16
_ACKNOWLEDGED_MS = 50
_OOM_SCORE_ADJUST = 500
_EXIT_BROKEN = 70
_EXIT_NO_DESCRIPTORS = 71
_EXIT_UNUSABLE = 72

_getpid = os.getpid
_dup2 = os.dup2
_close = os.close
_open = os.open
_exit = os._exit
_waitid = os.waitid
_waitpid = os.waitpid
_compile = compile
_invalidate_caches = importlib.invalidate_caches
_exec = exec
_signal = signal.signal
_live_threads = threading.enumerate
_main = threading.main_thread()


class Kernel:
    """Runs cells in an IPython shell and tells the agent over one socket."""

    def __init__(self, shell: shells.Shell, connection: wire.Connection) -> None:
        self._shell = shell
        self._connection = connection
        self._streams = streams.Streams()
        self._pid = _getpid()
        self._running = False
        self._sending = 0
        self._interrupted = False
        self._lock = threading.RLock()
        self._reserve: List[int] = []
        self._child_code = 1
        self._threads: Set[threading.Thread] = set()
        self._builtins = dict(vars(builtins))
        self._handler: Callable[..., None] = self._on_interrupt
        self._send_to_agent = connection.send
        self._run_cell = shell.run_cell
        poll = select.poll()
        poll.register(connection.fd, select.POLLIN)
        self._poll = poll.poll
        shells.outlet.send = self.send
        # Through the shell, whose publisher may be one that captures.
        figures.figures.publish = lambda bundle, metadata: shell.display_pub.publish(bundle, metadata)
        os.register_at_fork(before=self._streams.flush_python, after_in_child=self._after_fork)

    def send(self, message: Dict[str, Any]) -> None:
        """Sends a message whole: an interrupt waits for its end, or the next one would start inside it."""
        if _getpid() != self._pid:
            self._say_in_child(message)
            return
        self._sending += 1
        try:
            with self._lock:
                if message["type"] != "done":
                    self._streams.flush_python()
                self._send_to_agent(message)
                # Between cells the main thread reads the socket: no other may take its next cell from it.
                if message["type"] == "display" and self._running:
                    self._wait_for_acknowledgement()
        finally:
            self._sending -= 1
        if self._interrupted and not self._sending:
            self._interrupted = False
            raise KeyboardInterrupt

    def serve(self) -> None:
        """Cells, until the agent closes the socket."""
        _signal(signal.SIGINT, self._handler)
        self._keep_reserve()
        while True:
            message, fds = self._receive()
            self._streams.flush_python()
            # Where a cell closed 0, 1 or 2, what came takes that very number.
            fds = [_above_standard(fd) for fd in fds]
            _restore_input()
            for number, fd in enumerate(fds[:2], 1):
                _dup2(fd, number)
            for fd in fds:
                _close(fd)
            self._keep_reserve()
            if len(fds) != 2:
                # The agent learns what it is by the exit code.
                _exit(_EXIT_NO_DESCRIPTORS)
            self._cell(message)

    def _receive(self) -> Any:
        # The descriptors of a cell's pipes must fit, even after a cell that opened all it could.
        while self._reserve:
            _close(self._reserve.pop())
        while True:
            message, fds = self._connection.receive()
            if message.get("type") == "cell":
                return message, fds

    def _keep_reserve(self) -> None:
        try:
            while len(self._reserve) < _RESERVED_FDS:
                self._reserve.append(fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, _CONTROL_FD + 1))
        except OSError:
            pass

    def _cell(self, message: Dict[str, Any]) -> None:
        shells.outlet.errors = 0
        figures.figures.begin_cell()
        self._streams.begin_cell()
        self._interrupted = False
        internal = message.get("internal") is True
        _signal(signal.SIGINT, self._handler)
        try:
            self._running = True
            if internal:
                self._run_internal(message["code"])
            else:
                self._run(message["code"])
            self._running = False
        except BaseException as error:  # noqa: B036 - whatever a cell raises, the kernel goes on
            self._running = False
            self._report(error)
        if _getpid() != self._pid:
            # A cell called os.fork(), and the child came to the cell's end.
            self._streams.flush()
            _exit(self._child_code)
        if shells.outlet.errors and not self._usable():
            _exit(_EXIT_UNUSABLE)
        self._streams.flush()
        self._reap()
        self.send(
            {
                "type": "done",
                "cell": message["cell"],
                "ok": shells.outlet.errors == 0,
                "execution_count": int(self._shell.execution_count) - 1,
                "skipped": figures.figures.skipped,
                "threads": self._new_threads(),
            }
        )

    def _run(self, code: str) -> None:
        _invalidate_caches()
        result = self._run_cell(code[1:] if code.startswith("\ufeff") else code, store_history=True)
        ended = result.error_before_exec or result.error_in_exec
        if _getpid() != self._pid:
            self._child_code = _exit_code(ended)
        else:
            if ended is not None and not shells.outlet.errors and not shells.is_quiet_exit(ended):
                # The shell could not show it, as with an exception that raises when it is looked at.
                self._report(ended)
            self._shell.advance_tasks()
            figures.figures.show_all()
            shells.outlet.show_held()
            note = figures.figures.note()
            if note is not None:
                self.send({"type": "display", "data": {"text/plain": note}, "metadata": {"omcp": {"note": True}}})

    def _run_internal(self, code: str) -> None:
        namespace = {
            "__builtins__": self._builtins,
            "__name__": "__omcp__",
            "user_ns": self._shell.user_ns,
            "display": shells.publish,
        }
        _exec(_compile(code, "omcp_kernel/internal", "exec"), namespace)

    def _usable(self) -> bool:
        """Whether the shell can run a cell at all. One that cannot fails with every cell to come, and is better replaced."""
        send, shells.outlet.send = shells.outlet.send, None
        errors = shells.outlet.errors
        try:
            return self._run_cell("None", store_history=False, silent=True).success is True
        except BaseException:  # noqa: B036 - whatever it is, no cell would run
            return False
        finally:
            shells.outlet.send, shells.outlet.errors = send, errors

    def _report(self, error: BaseException) -> None:
        try:
            shells.report(error)
        except BaseException:  # noqa: B036 - hostile __str__ and the like
            shells.outlet.errors += 1
            name = type.__getattribute__(type(error), "__name__")
            self.send({"type": "error", "name": name, "value": "", "traceback": name})

    def _on_interrupt(self, _number: int, _frame: Any) -> None:
        if self._sending:
            self._interrupted = self._running
        elif self._running:
            raise KeyboardInterrupt

    def _wait_for_acknowledgement(self) -> None:
        """Until the agent has taken what was printed before a display, what is printed next would overtake it."""
        # The agent takes nothing while its server is away: then the order matters less than the cell.
        if self._poll(_ACKNOWLEDGED_MS):
            self._connection.receive()

    def _after_fork(self) -> None:
        try:
            _close(self._connection.fd)
        except OSError:
            pass

    def _say_in_child(self, message: Dict[str, Any]) -> None:
        """In a process that a cell forked, displays and errors are plain text."""
        if message.get("type") == "error":
            print(message["traceback"], file=sys.stderr)
        elif "text/plain" in message.get("data", {}) and message.get("metadata") != {"omcp": {"note": True}}:
            print(message["data"]["text/plain"])

    def _new_threads(self) -> int:
        """How many threads of cells were not there before. Daemons are the libraries' own business, not a cell's work."""
        live = {thread for thread in _live_threads() if thread is not _main and not thread.daemon}
        new = live - self._threads
        self._threads = live
        return len(new)

    def _reap(self) -> None:
        """Takes away zombies that would use up the process limit, when there are many; Popen objects learn their codes."""
        if _zombies(self._pid) <= _MANY_ZOMBIES:
            return
        subprocess = sys.modules.get("subprocess")
        if subprocess is not None:
            import gc

            for thing in gc.get_objects():
                if type(thing) is subprocess.Popen:
                    thing.poll()
        multiprocessing = sys.modules.get("multiprocessing")
        if multiprocessing is not None:
            multiprocessing.active_children()
        try:
            while _waitpid(-1, os.WNOHANG)[0] > 0:
                pass
        except OSError:
            pass


def _zombies(pid: int) -> int:
    """How many children have ended without being waited for. One system call where there are none."""
    try:
        if _waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return 0
    except OSError:
        return 0
    count = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
                count += fields[0] == b"Z" and int(fields[1]) == pid
            except OSError:
                continue
    return count


def _above_standard(fd: int) -> int:
    if fd >= _FIRST_FREE_FD:
        return fd
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE_FD)
    _close(fd)
    return moved


def _restore_input() -> None:
    try:
        fcntl.fcntl(0, fcntl.F_GETFD)
    except OSError:
        null = _open(os.devnull, os.O_RDWR)
        if null != 0:
            _dup2(null, 0)
            _close(null)


def _exit_code(ended: Any) -> int:
    """As Python's own: of a child that a cell forked, and that came to the cell's end."""
    if ended is None or shells.is_quiet_exit(ended):
        return 0
    code = ended.code if isinstance(ended, SystemExit) else 1
    return code & 0xFF if isinstance(code, int) else 1


def _no_input(prompt: object = "", /) -> str:
    if prompt != "":
        print(prompt, end="", flush=True)
    raise EOFError("there is no standard input in a sandbox: put the value into the code")


def _settle(fd: int) -> wire.Connection:
    """Moves the control socket out of the way of 0, 1 and 2, which become /dev/null."""
    os.setsid()
    try:
        control = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _CONTROL_FD)
    except OSError:
        control = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    _close(fd)
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        _dup2(null, number)
    if null > 2:
        _close(null)
    return wire.Connection(control)


def run(shell: shells.Shell, fd: int, environment: Dict[str, Optional[str]]) -> None:
    """Turns this freshly forked process into a kernel. Never returns."""
    code = _EXIT_BROKEN
    try:
        connection = _settle(fd)
        confine.set_dumpable(True)
        try:
            with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
                file.write(str(_OOM_SCORE_ADJUST))
        except OSError:
            pass
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        landlock_abi = confine.restrict_files()
        shells.user_environment(environment)
        # Every kernel is a copy of the same process: its luck must be its own.
        random.seed()
        if "numpy.random" in sys.modules:
            sys.modules["numpy.random"].seed()
        sys.path.insert(0, "")
        sys.argv = [""]
        builtins.input = _no_input
        sys.breakpointhook = shells.no_debugger
        # A module written twice in a second would be taken from its first bytecode.
        sys.dont_write_bytecode = True
        kernel = Kernel(shell, connection)
        connection.send({"type": "ready", "pid": os.getpid(), "confinement": confine.facts(landlock_abi)})
        kernel.serve()
    except EOFError:
        code = 0
    except OSError:
        code = _EXIT_BROKEN
    except BaseException:  # noqa: B036 - told by the exit code; there is nobody to print to
        code = _EXIT_UNUSABLE
    finally:
        _exit(code)
