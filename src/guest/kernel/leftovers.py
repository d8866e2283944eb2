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


class Leftovers:
    """Remembers them by pid and time of start. `keep` gives the zygote and the kernel."""

    def __init__(self, keep: Callable[[], Tuple[int, int]]) -> None:
        self._keep = keep
        self._known: Set[Tuple[int, int]] = set()

    def count(self) -> int:
        """How many there are now."""
        return len(self._living())

    def cell_ended(self, overran: bool) -> int:
        """Takes note of what a cell has left, and returns how many processes are new; of a cell that overran, ends them."""
        found = self._living()
        new = self._new(found)
        if new and overran:
            self._end_new()
            return 0
        self._known = {(process.pid, process.started) for process in found.values()}
        return len(new)

    def forget(self) -> None:
        """All were ended by other means."""
        self._known.clear()

    def _living(self) -> Dict[int, Process]:
        zygote, kernel = self._keep()
        return processes.living((zygote, kernel), kernel)

    def _new(self, found: Dict[int, Process]) -> Dict[int, Process]:
        """Those that are neither known nor started by one that is."""
        known = {pid for pid, process in found.items() if (pid, process.started) in self._known}
        theirs = processes.family(found, known) if known else {}
        return {pid: process for pid, process in found.items() if pid not in theirs}

    def _end_new(self) -> None:
        """All are stopped meanwhile, or one could fork itself out of the list."""
        processes.freeze()
        found = self._living()
        try:
            processes.kill(self._new(found))
        finally:
            if processes.is_init():
                for pid in [*self._keep(), *found]:
                    if pid > 1:
                        processes.send(pid, signal.SIGCONT)


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
