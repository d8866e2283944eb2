"""The service `packages`: an installer, as a child process, for each stream that the server opens; one at a time."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from typing import Any, Callable, Optional

from agent.children import Children, describe, kill
from agent.memory import sandbox_memory
from agent.process import log
from agent.reactor import Reactor
from agent.relay import Splice
from agent.streams import Stream
from kernel import confine
from kernel_manager import processes

_MODULE = "installer"


class PackageInstallers:
    """Runs installers. `zygote` returns the pid of the zygote, which installers must not be able to signal."""

    def __init__(self, loop: Reactor, children: Children, zygote: Callable[[], int]) -> None:
        self._memory = sandbox_memory()
        self._loop = loop
        self._children = children
        self._zygote = zygote
        # The pid of the installer whose stream is open; 0 if no stream is. An earlier installer may still be ending.
        self._pid = 0

    def connect(self, stream: Stream) -> str:
        """Starts an installer for a stream. Returns "", or why it cannot."""
        if self._pid:
            return "an installation is running"
        try:
            own, other = socket.socketpair()
        except OSError as error:
            return "cannot start an installer: %s" % (error.strerror or error)
        try:
            pid = _start(other.fileno(), [1, *filter(None, (self._zygote(),))], self._memory.room())
        except (OSError, LookupError) as error:
            own.close()
            return "cannot start an installer: %s" % error
        finally:
            other.close()
        self._pid = pid
        processes.own.add(pid)
        self._children.watch(pid, lambda status: self._on_exit(pid, status))
        Splice(self._loop, own, stream, lambda _: self._end(pid))
        return ""

    def _end(self, pid: int) -> None:
        """Its stream has ended: an installer that still runs is cut off."""
        if self._pid == pid:
            self._pid = 0
            if pid in processes.own:
                kill(pid, signal.SIGKILL)

    def _on_exit(self, pid: int, status: int) -> None:
        processes.own.discard(pid)
        if status != 0 and self._pid == pid:
            log("The installer %s" % describe(status))


def _start(fd: int, guarded: "list[int]", room: "Optional[int]") -> int:
    """Forks an installer with the descriptor as stdin and stdout, confined like a kernel; returns its pid. `room`: memory for its files."""
    loader: Any = globals()["__loader__"]
    source = loader.sources.get(_MODULE)
    if source is None:
        raise LookupError("the boot message has no module %s" % _MODULE)
    python = shutil.which("python3") or sys.executable
    pid = os.fork()
    if pid != 0:
        return pid
    try:
        os.setsid()
        os.dup2(fd, 0)
        os.dup2(fd, 1)
        for number in range(1, signal.NSIG):
            if number not in (signal.SIGKILL, signal.SIGSTOP, 32, 33):
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        # As for a kernel: the agent gets a processor first.
        os.nice(19)
        confine.install_filter(guarded)
        confine.restrict_files()
        memory = {} if room is None else {"SANDBOX_MEMORY_ROOM": str(room)}
        os.execve(python, [python, "-I", "-S", "-c", source], {**os.environ, **memory})
    except BaseException as error:  # noqa: B036 - a forked child must end here
        os.write(2, ("omcp agent: an installer could not start: %r\n" % error).encode("utf-8", "replace"))
    finally:
        os._exit(127)
    return 0
