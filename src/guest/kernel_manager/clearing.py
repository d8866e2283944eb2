"""Ends everything in the container but the agent and the zygote. Runs in the agent."""
from __future__ import annotations

from typing import Any, Callable, Set, Tuple

from . import processes

# Seconds. Within the first all are gone, or the cell is answered nevertheless; after the last we give up waiting.
_KILL = 0.6
_KILL_AT_MOST = 10.0
# What still brings forth others by then is ended together with the zygote, at one stroke.
_ROUNDS = 0.25
_POLL = 0.004


def clear_all(
    loop: Any, keep: Callable[[], Tuple[int, int]], on_late: Callable[[], None], on_cleared: Callable[[], None]
) -> None:
    """Stops all, kills all but the zygote, and looks again until all are reaped; only then is the zygote let loose.

    One that goes on earlier would meet the process limit when it forks. `on_late` is called once, at the end or
    after 0.6 s, `on_cleared` at the end.
    """
    begun = loop.time()
    told = False
    struck = False
    killed: Set[Tuple[int, int]] = set()

    def look() -> None:
        nonlocal told, struck
        zygote, kernel = keep()
        if not struck:
            # In each round: timers and other processes resume what was stopped, and it may fork before it is killed.
            processes.freeze()
        found = processes.snapshot((zygote,))
        if not processes.is_init():
            found = processes.family(found, {kernel} - {0}, kernel or -2)
        left = {pid: process for pid, process in found.items() if not (process.zombie and process.parent == zygote)}
        waited = loop.time() - begun
        new = {(process.pid, process.started) for process in left.values() if not process.zombie} - killed
        killed.update(new)
        if new and waited >= _ROUNDS and not struck:
            # PID 1's signal to all reaches every process before any can fork once more.
            struck = True
            processes.strike()
        processes.kill(left)
        if not told and (not left or waited >= _KILL):
            told = True
            on_late()
        if left and waited < _KILL_AT_MOST:
            loop.call_later(_POLL, look)
            return
        processes.resume(keep()[:1])
        on_cleared()

    look()
