"""Processes that cells leave behind: they belong to the kernel and are reported once. Runs in the agent."""
from __future__ import annotations

import signal
from typing import Any, Callable, Dict, Set, Tuple

from . import processes
from .processes import Process

# Seconds.
_END = 0.3
_POLL = 0.004
_MANY = 128


Identity = Tuple[int, int]


class BackgroundProcesses:
    """Remembers them by pid and time of start. `keep` gives the zygote and the kernel."""

    def __init__(self, keep: Callable[[], Tuple[int, int]]) -> None:
        self._keep = keep
        # Those that were there before the cell: threads of earlier cells start some while none runs.
        self._earlier: Set[Identity] = set()
        self._reported: Set[Identity] = set()

    def count(self) -> int:
        """How many there are now."""
        return len(self._living())

    def execution_begins(self, control: int) -> bool:
        """What runs now is not the cell's. False where a process holds the kernel's socket, by its inode: it is being ended.

        It could take the cell out of the socket. Python closes it in its own forks; libc's, and those that a cell hands it, have it.
        """
        found = self._living()
        self._earlier = _identities(found)
        holders = [pid for pid in found if processes.holds(pid, control)]
        processes.kill(holders)
        return not holders

    def interrupt(self) -> None:
        """Sends SIGINT to the kernel and to what the cell has started in its process group, as a terminal would.

        Not to the group: workers of earlier cells are in it.
        """
        zygote, kernel = self._keep()
        crowd = processes.number() > _MANY
        if crowd:
            # As of a fork bomb: while they run neither we nor the kernel get anywhere.
            processes.freeze()
            processes.resume((zygote, kernel))
        # First: a kernel that is interrupted just when its child ends loses the child's status.
        processes.send(kernel, signal.SIGINT)
        if crowd:
            # They are ended with the cell, whether it yields or not.
            return
        for pid, process in _not_of(self._earlier, self._living()).items():
            if process.group == kernel:
                processes.send(pid, signal.SIGINT)

    def has_new(self) -> bool:
        """Whether anything runs that began during the cell."""
        return bool(_not_of(self._earlier, self._living()))

    def end_new(self, loop: Any, is_over: Callable[[], bool], on_ended: Callable[[bool], None]) -> None:
        """Ends what the cell has started: round after round, for a stopped process may be resumed by a timer of its own.

        All are stopped meanwhile, or one could fork itself out of the list. `on_ended` gets false where that takes too long.
        """
        if processes.number() <= _MANY and not self.has_new():
            on_ended(True)
            return
        until = loop.time() + _END

        def look() -> None:
            if is_over():
                return
            processes.freeze()
            found = self._living()
            new = _not_of(self._earlier, found)
            processes.kill(new)
            late = loop.time() >= until
            if new and not late:
                loop.call_later(_POLL, look)
                return
            processes.resume((*self._keep(), *found))
            on_ended(not new)

        look()

    def report(self) -> int:
        """How many processes there are that were not reported before."""
        found = self._living()
        new = _not_of(self._reported, found)
        self._reported = _identities(found)
        return len(new)

    def forget(self) -> None:
        """All were ended by other means."""
        self._earlier.clear()
        self._reported.clear()

    def _living(self) -> Dict[int, Process]:
        zygote, kernel = self._keep()
        return processes.living((zygote, kernel), kernel)


def _identity(process: Process) -> Identity:
    return process.pid, process.started


def _identities(found: Dict[int, Process]) -> Set[Identity]:
    return {_identity(process) for process in found.values()}


def _not_of(known: Set[Identity], found: Dict[int, Process]) -> Dict[int, Process]:
    """Those that are neither known nor started by one that is."""
    roots = {pid for pid, process in found.items() if _identity(process) in known}
    theirs = processes.family(found, roots) if roots else {}
    return {pid: process for pid, process in found.items() if pid not in theirs}
