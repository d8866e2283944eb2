"""Processes that cells left behind, each to be ended at the deadline of its cell. Runs in the agent."""
from __future__ import annotations

import signal
from typing import Any, Callable, Dict, Set, Tuple

from . import processes


# Seconds. Within the first all are gone, or the cell is answered nevertheless; after the second we give up waiting.
_KILL = 0.6
_KILL_AT_MOST = 10.0
_POLL = 0.004


class Leftovers:
    """Remembers them by pid and time of start. `keep` gives the zygote and the kernel; `busy` whether a cell runs."""

    def __init__(self, loop: Any, keep: Callable[[], Tuple[int, int]], busy: Callable[[], bool]) -> None:
        self._loop = loop
        self._keep = keep
        self._busy = busy
        self._known: Dict[Tuple[int, int], float] = {}
        self._timer: Any = None

    def count(self) -> int:
        """How many there are now."""
        zygote, kernel = self._keep()
        return len(processes.living((zygote, kernel), kernel))

    def cell_ended(self, deadline: float) -> int:
        """Takes note of what a cell has left; returns how many processes there are besides our own."""
        zygote, kernel = self._keep()
        found = processes.living((zygote, kernel), kernel)
        for process in found.values():
            self._known.setdefault((process.pid, process.started), deadline)
        if found and deadline <= self._loop.time():
            self._sweep()
        self._arm()
        return len(found)

    def forget(self) -> None:
        """All were ended by other means."""
        self._known.clear()
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._known:
            wait = min(self._known.values()) - self._loop.time()
            self._timer = self._loop.call_later(max(0.0, wait), self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self._sweep()
        self._arm()

    def _sweep(self) -> None:
        """Ends those whose time has come. All are stopped meanwhile, or one could fork itself out of the list."""
        zygote, kernel = self._keep()
        now = self._loop.time()
        processes.freeze()
        try:
            found = processes.living((zygote, kernel), kernel)
            due: Set[int] = set()
            escaped = False
            waiting = False
            for identity, deadline in list(self._known.items()):
                process = found.get(identity[0])
                there = process is not None and process.started == identity[1]
                if deadline > now:
                    waiting = waiting or there
                    continue
                del self._known[identity]
                due.add(identity[0]) if there else None
                escaped = escaped or not there
            victims = set(processes.family(found, due)) if due else set()
            if not self._busy() and not waiting:
                victims = set(found)
            elif escaped and processes.is_init():
                # One that has ended may have forked: an orphan that nobody vouches for goes with it.
                orphans = {pid for pid, process in found.items() if process.parent == 1}
                vouched = {pid for pid, _ in self._known}
                victims |= set(processes.family(found, orphans - vouched))
            processes.kill(victims)
        finally:
            if processes.is_init():
                for pid in [zygote, kernel, *found]:
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
