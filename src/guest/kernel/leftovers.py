"""Processes that cells leave behind: they belong to the kernel and are reported once. Runs in the agent."""
from __future__ import annotations

import signal
from typing import Any, Callable, Dict, Set, Tuple

from . import processes
from .processes import Process

# Seconds. Within the first all are gone, or the cell is answered nevertheless; after the second we give up waiting.
_KILL = 0.6
_KILL_AT_MOST = 10.0
_POLL = 0.004
_MANY = 64


Identity = Tuple[int, int]


class Leftovers:
    """Remembers them by pid and time of start. `keep` gives the zygote and the kernel."""

    def __init__(self, keep: Callable[[], Tuple[int, int]]) -> None:
        self._keep = keep
        # Those that were there before the cell: threads of earlier cells start some while none runs.
        self._earlier: Set[Identity] = set()
        self._reported: Set[Identity] = set()

    def count(self) -> int:
        """How many there are now."""
        return len(self._living())

    def cell_begins(self) -> None:
        """What runs now is not the cell's."""
        self._earlier = _identities(self._living())

    def interrupt(self) -> None:
        """Sends SIGINT to the kernel and to what the cell has started in its process group, as a terminal would.

        Not to the group: workers of earlier cells are in it.
        """
        kernel = self._keep()[1]
        # First: a kernel that is interrupted just when its child ends loses the child's status.
        processes.send(kernel, signal.SIGINT)
        if len(processes.pids()) > _MANY:
            # Among so many, as of a fork bomb, looking at each would take us seconds: they are ended when the cell does not yield.
            return
        for pid, process in _not_of(self._earlier, self._living()).items():
            if process.group == kernel:
                processes.send(pid, signal.SIGINT)

    def cell_ended(self, overran: bool, reports: bool) -> int:
        """Ends what a cell that overran has started, and returns how many processes were not reported before.

        A cell that does not report leaves that to the next one.
        """
        ended = self._end_new() if overran and _not_of(self._earlier, self._living()) else set()
        if not reports:
            return 0
        found = {pid: process for pid, process in self._living().items() if _identity(process) not in ended}
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

    def _end_new(self) -> Set[Identity]:
        """All are stopped meanwhile, or one could fork itself out of the list."""
        processes.freeze()
        found = self._living()
        try:
            new = _not_of(self._earlier, found)
            processes.kill(new)
            return _identities(new)
        finally:
            if processes.is_init():
                for pid in [*self._keep(), *found]:
                    if pid > 1:
                        processes.send(pid, signal.SIGCONT)


def _identity(process: Process) -> Identity:
    return process.pid, process.started


def _identities(found: Dict[int, Process]) -> Set[Identity]:
    return {_identity(process) for process in found.values()}


def _not_of(known: Set[Identity], found: Dict[int, Process]) -> Dict[int, Process]:
    """Those that are neither known nor started by one that is."""
    roots = {pid for pid, process in found.items() if _identity(process) in known}
    theirs = processes.family(found, roots) if roots else {}
    return {pid: process for pid, process in found.items() if pid not in theirs}


def clear_all(
    loop: Any, keep: Callable[[], Tuple[int, int]], on_late: Callable[[], None], on_cleared: Callable[[], None]
) -> None:
    """Stops all, kills all but the zygote, and looks again until all are reaped; only then is the zygote let loose.

    One that goes on earlier would meet the process limit when it forks. `on_late` is called once, at the end or
    after 0.6 s, `on_cleared` at the end.
    """
    processes.freeze()
    begun = loop.time()
    told = False

    def look() -> None:
        nonlocal told
        zygote, kernel = keep()
        found = processes.snapshot((zygote,))
        if not processes.is_init():
            found = processes.family(found, {kernel} - {0}, kernel or -2)
        left = [pid for pid, process in found.items() if not (process.zombie and process.parent == zygote)]
        processes.kill(left)
        waited = loop.time() - begun
        if not told and (not left or waited >= _KILL):
            told = True
            on_late()
        if left and waited < _KILL_AT_MOST:
            loop.call_later(_POLL, look)
            return
        if zygote and processes.is_init():
            processes.send(zygote, signal.SIGCONT)
        on_cleared()

    look()
