"""Threads of a kernel as /proc shows them: which began during an execution, and which of them are active. Runs in the agent."""
from __future__ import annotations

import os
import time
from typing import Dict, FrozenSet, NamedTuple, Optional, Tuple

# A thread of polars that purges freed memory at times; that is not the work of a cell.
_HOUSEKEEPING = b"jemalloc_bg_thd"


class Activity(NamedTuple):
    """A thread's activity; two values differ if the thread ran in between. `counters`: processor time in ticks, context switches."""

    running: bool
    counters: Tuple[int, ...]


class NewThreads:
    """Threads that began after begin(), by id and start time."""

    def __init__(self) -> None:
        self._earlier: FrozenSet[int] = frozenset()
        self._since = 0
        self._timers: FrozenSet[bytes] = frozenset()

    def begin(self, pid: int) -> None:
        self._timers = _timers(pid) or frozenset()
        self._earlier = frozenset(_ids(pid))
        self._since = int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))

    def sample(self, pid: int) -> Dict[int, Activity]:
        """The activity so far of these threads and of the main thread."""
        found = {}
        for thread in _ids(pid):
            activity = self._look(pid, thread)
            if activity is not None:
                found[thread] = activity
        return found

    def has_new_timers(self, pid: int) -> bool:
        """Whether POSIX timers were created since begin(): Python creates none, and one may fire long after it was seen."""
        return bool((_timers(pid) or frozenset()) - self._timers)

    def _look(self, pid: int, thread: int) -> Optional[Activity]:
        folder = "/proc/%d/task/%d/" % (pid, thread)
        try:
            with open(folder + "stat", "rb") as file:
                head, _, tail = file.read().rpartition(b")")
            fields = tail.split()
            # The system reuses ids: it is an earlier thread only if it began before.
            if thread != pid and thread in self._earlier and int(fields[19]) <= self._since:
                return None
            if head.partition(b"(")[2] == _HOUSEKEEPING or fields[0] in (b"Z", b"X"):
                return None
            counters = [int(fields[11]), int(fields[12])]
            with open(folder + "status", "rb") as file:
                counters += [int(line.split()[1]) for line in file if b"ctxt_switches:" in line]
            return Activity(fields[0] == b"R", tuple(counters))
        except (OSError, IndexError, ValueError):
            return None


def has_timers(pid: int) -> bool:
    """Whether a process has POSIX timers; True if /proc does not show it."""
    return _timers(pid) != frozenset()


def moved(before: Dict[int, Activity], after: Dict[int, Activity]) -> bool:
    """Whether any of them ran in between, or runs now."""
    return any(activity.running or before.get(thread) != activity for thread, activity in after.items())


def _timers(pid: int) -> Optional[FrozenSet[bytes]]:
    try:
        with open("/proc/%d/timers" % pid, "rb") as file:
            return frozenset(line for line in file if line.startswith(b"ID:"))
    except OSError:
        return None


def _ids(pid: int) -> Tuple[int, ...]:
    try:
        return tuple(int(name) for name in os.listdir("/proc/%d/task" % pid))
    except OSError:
        return ()
