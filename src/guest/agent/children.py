"""Child processes: starts them, and reaps every process that ends in the container, as PID 1 must."""

from __future__ import annotations

import os
import signal
from typing import Callable, Dict, List, Optional

from agent.process import log_bytes
from agent.reactor import Handle, Reactor

_REAPED_A_TURN = 64


class Children:
    """Reaps every child, including those whose parents have died, and reports their ends to callbacks."""

    def __init__(self, loop: Reactor) -> None:
        self._loop = loop
        self._known: Dict[int, Callable[[int], None]] = {}
        self._again: Optional[Handle] = None
        # Called with pid and wait status of children that nobody watches.
        self.on_unwatched_exit: Callable[[int, int], object] = _nobody

    def watch(self, pid: int, on_exit: Callable[[int], None]) -> None:
        """Calls on_exit with the wait status when the child has ended. Call it in the turn of the loop that starts the child."""
        self._known[pid] = on_exit

    def reap(self) -> None:
        """Reaps all ended children, some in each turn of the loop: code may end processes faster than we reap them."""
        self._again = None
        for _ in range(_REAPED_A_TURN):
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            on_exit = self._known.pop(pid, None)
            if on_exit is not None:
                self._loop.call_soon(on_exit, status)
            else:
                self.on_unwatched_exit(pid, status)
        self._again = self._loop.call_soon(self.reap)

    def on_sigchld(self) -> None:
        """Reaps, unless a reap is already scheduled."""
        if self._again is None:
            self.reap()

    def spawn(self, command: List[str], on_exit: Callable[[int], None], keep_fd: int = -1) -> int:
        """Starts a program without stdin; its output goes to the agent's log. It inherits `keep_fd`, if given, as descriptor 3.

        Raises OSError.
        """
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, writing, 1),
            (os.POSIX_SPAWN_DUP2, writing, 2),
        ]
        if keep_fd >= 0:
            actions.append((os.POSIX_SPAWN_DUP2, keep_fd, 3))
        try:
            pid = os.posix_spawnp(
                command[0],
                command,
                os.environ,
                file_actions=actions,
                setsigmask=[],
                setsigdef=[signal.SIGPIPE],
            )
        except OSError:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self.watch(pid, on_exit)
        self._loop.add_reader(reading, self._forward, reading)
        return pid

    def _forward(self, fd: int) -> None:
        try:
            data = os.read(fd, 65536)
        except BlockingIOError:
            return
        if data:
            log_bytes(data)
            return
        self._loop.remove_reader(fd)
        os.close(fd)


def describe(status: int) -> str:
    """A wait status as text."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            return "ended by %s" % signal.Signals(number).name
        except ValueError:
            return "ended by signal %d" % number
    return "ended with exit code %d" % os.WEXITSTATUS(status)


def kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _nobody(pid: int, status: int) -> bool:
    return False
