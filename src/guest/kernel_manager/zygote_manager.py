"""Keeps a zygote running: a new Python process, confined before its first instruction, which receives its code over a socket.

Runs in the agent.
"""
from __future__ import annotations

import os
import resource
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Optional

from agent.contract import KernelConfig
from kernel import confine

from . import cgroup, processes
from .link import Link, pair
from .untrusted import confinement, count
from .zygote_stub import STUB

if TYPE_CHECKING:
    from agent.message_types import Confinement

_READY_SECONDS = 60.0
_RETRY_SECONDS = (0.05, 0.2, 0.5, 1.0, 2.0)
MAX_STARTS = 5
PACKAGE = "omcp_kernel"
# Where install_package puts packages and their commands.
PACKAGES = "/workspace/.packages"
_ZYGOTE_FD = 3
_LOWEST_PRIORITY = 19
# Room for processes that the agent must be able to start when cells use all of theirs: a zygote, an installer.
_AGENTS_OWN = 8
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "POLARS_MAX_THREADS")
# Arrow's allocator would start a thread when it is loaded, and no process with threads can be forked safely.
_NO_THREADS = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
# Folders that the libraries can write to; those that an image names may be read-only in a sandbox. HOME comes with the container.
_FOLDERS = {"IPYTHONDIR": "/tmp/ipython", "MPLCONFIGDIR": "/tmp/matplotlib"}

def modules(kind: str) -> Dict[str, str]:
    """The modules of the package `kernel`, which run in the zygote and its kernels, under the name of their package there. `kind`: sources or code."""
    loader: Any = globals()["__loader__"]
    return {PACKAGE + name[len("kernel") :]: text for name, text in getattr(loader, kind).items() if name.startswith("kernel.")}


def boot_message(preload: List[str], waits: bool, cpus: int) -> Dict[str, Any]:
    """The first message to a zygote."""
    environment = {name: os.environ.get(name, str(cpus)) for name in _ONE_THREAD}
    # For programs that a cell starts; the kernel has a backend of its own.
    environment["MPLBACKEND"] = "agg"
    # The kernel has them on sys.path already.
    environment["PYTHONPATH"] = "/run/omcp/python:%s" % PACKAGES
    environment["PATH"] = "%s:%s/bin" % (os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"), PACKAGES)
    # plotly then gives charts as JSON, which the kernel describes in words; otherwise it would look for a browser.
    environment["PLOTLY_RENDERER"] = "plotly_mimetype"
    found = {"modules": modules("sources"), "code": modules("code")}
    if not any("%s.zygote" % PACKAGE in kind for kind in found.values()):
        raise LookupError("Cannot start a zygote: the boot message has no module kernel.zygote")
    return {**found, "config": {"preload": preload, "waits": waits, "environment": environment}}


def start(own: socket.socket, other: socket.socket) -> int:
    """Forks a zygote that has the socket `other`; returns its pid. Raises OSError if the fork fails."""
    # The container's command found it on PATH. shutil.which() would cost a start's 5 ms for its module.
    python = sys.executable or "/usr/bin/python3"
    environment = dict(os.environ)
    environment.update(_FOLDERS)
    environment.update({name: "1" for name in _ONE_THREAD})
    environment.update(_NO_THREADS)
    # Python processes that cells start, such as joblib's workers, print at once, and not only when 8 KiB are buffered.
    environment["PYTHONUNBUFFERED"] = "1"
    # -I ignores the working directory, a user's site-packages and PYTHON* variables: a cell can write all of these.
    arguments = [python, "-I", "-u", "-c", STUB]
    pid = os.fork()
    if pid != 0:
        return pid
    status = 127
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.dup2(other.fileno(), _ZYGOTE_FD)
        os.set_inheritable(_ZYGOTE_FD, True)
        # The zygote ignores every signal that reaches it; SIGCHLD keeps its default, or wait() would not see its children.
        for number in range(1, signal.NSIG):
            if number not in (signal.SIGKILL, signal.SIGSTOP, 32, 33):
                signal.signal(number, signal.SIG_DFL if number == signal.SIGCHLD else signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        # The lowest priority, so that the agent gets a processor among hundreds of processes. Other containers are not affected: they have shares of their own.
        os.nice(_LOWEST_PRIORITY)
        _limit_processes()
        # A kernel must not signal PID 1, nor this process, which becomes the zygote.
        confine.install_filter([1, os.getpid()])
        status = 126
        os.execve(python, arguments, environment)
    except BaseException as error:  # noqa: B036 - a forked child must end here
        os.write(2, ("omcp agent: the zygote could not start: %r\n" % error).encode("utf-8", "replace"))
    finally:
        os._exit(status)
    return 0


def _limit_processes() -> None:
    """Limits the processes of cells below the container's limit, which makes the forks of a bomb cheap.

    Linux checks this limit before it copies the memory map of the process that forks, and the container's limit after the copy. So a fork
    that the container's limit refuses takes milliseconds inside the operating system, where no processor quota stops it. A bomb can
    exceed the quota so far that the agent, which has to end the bomb, waits for a minute
    (docs/decisions/0026-cells-have-a-process-limit.md). The limit counts the user's processes; no other sandbox has its user.
    """
    limit = cgroup.tasks_limit()
    if limit is None:
        # gVisor: the engine limits the user's processes in place of the container's.
        limit = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    if limit > _AGENTS_OWN:
        try:
            resource.setrlimit(resource.RLIMIT_NPROC, (limit - _AGENTS_OWN, limit - _AGENTS_OWN))
        except (OSError, ValueError):
            # Without it, a bomb takes longer to clear.
            pass


class ZygoteEvents(NamedTuple):
    """The callbacks of a zygote manager."""

    on_starting: Callable[[], None]
    on_confinement: "Callable[[Confinement], None]"
    # Called when it can fork, and again when it has imported everything.
    on_ready: Callable[[], None]
    on_unavailable: Callable[[str], None]
    # The number of the order.
    on_fork_failed: Callable[[int], None]
    on_ended: Callable[[], None]


class ZygoteManager:
    """Runs one zygote at a time. `pid` is 0 while none runs; `ready` says whether it accepts fork orders, `loaded` whether it has imported everything."""

    def __init__(self, loop: Any, config: KernelConfig, events: ZygoteEvents) -> None:
        self._loop = loop
        self._preload = config.preload
        self._waits = config.preload_waits
        self._events = events
        self._link: Optional[Link] = None
        self._timer: Any = None
        self._retry: Any = None
        self._failures = 0
        self._wanted = False
        self._orders = 0
        self.pid = 0
        self.ready = False
        self.loaded = False

    def start(self) -> None:
        """Starts a zygote, and another when it ends, until stop()."""
        self._wanted = True
        self._failures = 0
        self._start_if_none()

    def preload(self) -> None:
        """Has this zygote and the next ones import their modules, if they have waited for that."""
        if not self._waits:
            return
        self._waits = False
        if self._link is not None:
            self._link.send({"type": "preload"})
            self._set_timer()

    def fork(self, end: socket.socket, report: int) -> int:
        """Orders the zygote to fork a kernel that gets this end of a socket pair, below a subreaper that gets this end of a pipe.

        Returns the order's number.
        """
        self._orders += 1
        fds = [end.detach(), report]
        if self._link is not None:
            self._link.send({"type": "fork", "number": self._orders}, fds)
        else:
            for fd in fds:
                os.close(fd)
        return self._orders

    def kill(self) -> None:
        """Ends the zygote; another one starts."""
        if self.pid:
            processes.kill([self.pid])

    def stop(self) -> None:
        """Ends the zygote, and starts no other."""
        self._wanted = False
        self.ready = self.loaded = False
        self._cancel_timers()
        self._close()
        self.kill()

    def on_exit(self) -> None:
        """Handles the zygote's end, after the agent has reaped it."""
        self._cancel_timers()
        self.pid = 0
        if self._link is not None:
            # Its last messages say whether another attempt makes sense.
            self._link.drain()
        self._close()
        # A zygote that ended before everything was imported has failed, although it could fork.
        self._failures = 0 if self.loaded else self._failures + 1
        self.ready = self.loaded = False
        if self._wanted:
            self._events.on_ended()
            self._start_later()

    def _start_if_none(self) -> None:
        self._retry = None
        if self.pid or not self._wanted:
            return
        if self._failures >= MAX_STARTS:
            self._give_up("The kernel could not be started after %d attempts" % self._failures)
            return
        self._events.on_starting()
        try:
            message = boot_message(self._preload, self._waits, cgroup.processors())
            own, other = pair()
            try:
                self.pid = start(own, other)
            except OSError:
                own.close()
                raise
            finally:
                other.close()
        except LookupError as error:
            self._give_up(str(error))
            return
        except OSError:
            self._failures += 1
            self._start_later()
            return
        self._link = Link(self._loop, own, self._on_message, self._on_end)
        self._link.send(message)
        self._set_timer()

    def _start_later(self) -> None:
        wait = _RETRY_SECONDS[min(self._failures, len(_RETRY_SECONDS) - 1)]
        self._retry = self._loop.call_later(wait, self._start_if_none)

    def _give_up(self, message: str) -> None:
        self._wanted = False
        self._events.on_unavailable(message)

    def _on_message(self, message: Dict[str, Any]) -> None:
        kind = message.get("type")
        if kind == "confinement":
            self._events.on_confinement(confinement(message.get("confinement")))
        elif kind == "ready":
            self.ready = True
            if self._waits:
                self._cancel_timers()
            self._events.on_ready()
        elif kind == "loaded":
            self._cancel_timers()
            self.loaded = True
            self._events.on_ready()
        elif kind == "unavailable":
            self._give_up(str(message.get("message"))[:1000])
        elif kind == "threads":
            # It ends by itself; the next one does not import that module.
            name = message.get("module")
            if name in self._preload:
                self._preload.remove(name)
                self._failures -= 1
        elif kind == "replaced":
            # It ends by itself; the next one imports no modules ahead. The order to fork is repeated when the next one is ready.
            self._preload.clear()
        elif kind == "fork_failed":
            self._events.on_fork_failed(count(message.get("number")))

    def _on_end(self, _reason: Optional[str]) -> None:
        self._link = None
        self.kill()

    def _close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    def _set_timer(self) -> None:
        self._cancel_timers()
        self._timer = self._loop.call_later(_READY_SECONDS, self.kill)

    def _cancel_timers(self) -> None:
        for timer in (self._timer, self._retry):
            if timer is not None:
                timer.cancel()
        self._timer = self._retry = None
