"""Which processes of a snapshot descend from which. Runs in the agent."""
from __future__ import annotations

from typing import Callable, Dict, List, Optional, Set

from . import processes
from .processes import Process

# /proc is read process by process: one whose parent ends meanwhile has a parent that is not in the snapshot, and is read again.
_PASSES = 4


def members(
    found: Dict[int, Process],
    roots: Set[int],
    apart: Set[int],
    with_strays: bool,
    look: Callable[[int], Optional[Process]],
) -> Dict[int, Process]:
    """The roots and their descendants; `with_strays`, also what descends from PID 1 without any of `apart` in between.

    `apart` and their descendants are never among them: a process of which that is not certain is left to the next snapshot. `look` reads
    a process again; None if it has ended.
    """
    known = dict(found)
    tops = {0, 1} | roots | apart
    doubtful: List[int] = []
    for _ in range(_PASSES):
        doubtful = [process.pid for process in known.values() if _is_doubtful(process, known, tops)]
        for pid in doubtful:
            fresh = look(pid)
            if fresh is None:
                del known[pid]
            else:
                known[pid] = fresh
        if not doubtful:
            break
    certain = {pid: process for pid, process in known.items() if pid not in apart and pid not in doubtful}
    return processes.family(certain, roots | {0, 1} if with_strays else roots)


def _is_doubtful(process: Process, known: Dict[int, Process], tops: Set[int]) -> bool:
    """Whether its parent had ended when it was read, or another process has the parent's pid by now."""
    if process.parent in tops or process.pid in tops:
        return False
    parent = known.get(process.parent)
    return parent is None or parent.started > process.started
