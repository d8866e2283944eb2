"""Ends a kernel and everything that its cells have started. Runs in the agent."""
from __future__ import annotations

from typing import Any, Callable, Dict, Set

from . import processes
from .kernel_processes import KernelProcesses
from .processes import Identity, Process

# Seconds. After these it no longer waits for processes that the host's kernel does not end.
_KILL_AT_MOST = 10.0
# Processes that still fork after this time are killed by one signal to all, which also kills the zygote. The time is longer if there are
# other contexts, which the signal would end, too. Rounds may have to be repeated because a timer can resume a stopped process.
_ROUNDS = 0.25
_ROUNDS_BESIDE_OTHERS = 3.0
_POLL = 0.004


def clear_all(
    loop: Any,
    late_seconds: float,
    victims: KernelProcesses,
    on_late: Callable[[], None],
    on_cleared: Callable[[], None],
) -> None:
    """Stops all of them and kills them, in rounds until all are reaped; then resumes the zygote.

    A zygote resumed earlier would hit the process limit when it forks. `on_late` is called once, at the end or after
    `late_seconds`, `on_cleared` at the end.
    """
    begun = loop.time()
    late = False
    struck = False
    killed: Set[Identity] = set()

    def look() -> None:
        nonlocal late, struck
        if not struck and (victims.alone or not _ended(victims.all(), killed)):
            # In each round, because timers and other processes resume what was stopped, and it can fork before it is killed. This stops
            # other contexts for a moment as well; so not once everything has been killed.
            victims.freeze()
        left = victims.all()
        waited = loop.time() - begun
        new = {process.identity for process in left.values() if not process.zombie} - killed
        killed.update(new)
        if new and waited >= (_ROUNDS if victims.alone else _ROUNDS_BESIDE_OTHERS) and not struck:
            # PID 1's signal to all reaches every process before any can fork once more.
            struck = True
            victims.strike()
        processes.kill(left)
        if not late and (not left or waited >= late_seconds):
            late = True
            on_late()
        if left and waited < _KILL_AT_MOST:
            loop.call_later(_POLL, look)
            return
        victims.resume(with_kernel=False)
        on_cleared()

    look()


def _ended(left: Dict[int, Process], killed: Set[Identity]) -> bool:
    """Whether there are processes, and all of them have ended or got the signal that they cannot ignore."""
    return bool(left) and all(process.zombie or process.identity in killed for process in left.values())
