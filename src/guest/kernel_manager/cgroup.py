"""Reads the container's control group: processes that its memory limit killed, the number of processes, CPU time and quota, memory.

Version 2 first, then version 1; None if a value cannot be read, as under some runtimes.
"""
from __future__ import annotations

import math
import os
from typing import Dict, Optional, Tuple

_PIDS_FILES = ("/sys/fs/cgroup/pids.current", "/sys/fs/cgroup/pids/pids.current")
_PIDS_LIMIT_FILES = ("/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max")
_CPU_FILES = ("/sys/fs/cgroup/cpu.stat", "/sys/fs/cgroup/cpuacct/cpuacct.usage")
_MEMORY = "/sys/fs/cgroup/memory/memory."
_MEMORY_FILES = ("/sys/fs/cgroup/memory.current", _MEMORY + "usage_in_bytes")
_MEMORY_PEAK_FILES = ("/sys/fs/cgroup/memory.peak", _MEMORY + "max_usage_in_bytes")
_MEMORY_STAT_FILES = ("/sys/fs/cgroup/memory.stat", _MEMORY + "stat")
# Pages of files that Linux gives up before it ends a process; files in memory are not among them.
_CACHED = ("inactive_file", "active_file")
_MEMORY_LIMIT_FILES = ("/sys/fs/cgroup/memory.max", _MEMORY + "limit_in_bytes")
# Version 1 reports "no limit" as the greatest number of whole pages.
_UNLIMITED = 1 << 62
_OOM_FILES = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")


# Open files that each execution reads several times, None for those of the other version: opening one takes longer than reading it.
_descriptors: Dict[str, Optional[int]] = {}


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read(65536)
    except OSError:
        return ""


def _read_again(path: str) -> str:
    try:
        if path not in _descriptors:
            _descriptors[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        file = _descriptors[path]
        return "" if file is None else os.pread(file, 65536, 0).decode("ascii", "replace")
    except FileNotFoundError:
        _descriptors[path] = None
    except OSError:
        pass
    return ""


def oom_kills() -> Optional[int]:
    """How many processes the memory limit has killed so far."""
    return _field(_OOM_FILES, "oom_kill")


def tasks() -> Optional[int]:
    """How many processes and threads there are."""
    return _number(_PIDS_FILES)


def tasks_limit() -> Optional[int]:
    """How many processes and threads there may be; None without a limit."""
    return _number(_PIDS_LIMIT_FILES)


def cpu_microseconds() -> Optional[int]:
    """Processor time of all processes so far, ended ones and the agent included."""
    version_2, version_1 = _CPU_FILES
    microseconds = _field((version_2,), "usage_usec")
    if microseconds is not None:
        return microseconds
    nanoseconds = _number((version_1,))
    return None if nanoseconds is None else nanoseconds // 1000


def memory_bytes() -> Optional[int]:
    """Memory in use, as the limit counts it: of processes, in-memory file systems, cached files."""
    return _number(_MEMORY_FILES)


def memory_peak_bytes() -> Optional[int]:
    """The most memory in use so far."""
    return _number(_MEMORY_PEAK_FILES)


def memory_limit_bytes() -> Optional[int]:
    """The memory limit; None without one."""
    limit = _number(_MEMORY_LIMIT_FILES)
    return None if limit is None or limit >= _UNLIMITED else limit


def memory_free_bytes() -> Optional[int]:
    """How much more memory the limit allows, cached pages of read files counted as free; None without a limit."""
    limit, used = memory_limit_bytes(), memory_bytes()
    if limit is None or used is None:
        return None
    # Reading memory.stat takes longer. While half of the limit is free, nobody needs to know of more.
    cached = 0 if used < limit // 2 else _cached_bytes()
    return max(0, limit - max(0, used - cached))


def _cached_bytes() -> int:
    found = next(filter(None, map(_fields, _MEMORY_STAT_FILES)), {})
    # In version 1, the sum that includes the groups below has a name of its own.
    return sum(found.get("total_" + name, found.get(name, 0)) for name in _CACHED)


def _field(paths: Tuple[str, ...], wanted: str) -> Optional[int]:
    """The value of this name in the first file that has it."""
    return next((found[wanted] for found in map(_fields, paths) if wanted in found), None)


def _fields(path: str) -> Dict[str, int]:
    """The numbers of a file whose lines are a name and a number."""
    pairs = (line.partition(" ") for line in _read_again(path).splitlines())
    return {name: int(value) for name, _, value in pairs if value.isdigit()}


def _number(paths: Tuple[str, ...]) -> Optional[int]:
    for path in paths:
        value = _read_again(path).strip()
        if value.isdigit():
            return int(value)
    return None


class OomKills:
    """Counts processes that the memory limit kills."""

    def __init__(self) -> None:
        self._seen = self._now = oom_kills()

    def new(self) -> int:
        """How many since forget(), or since it was made."""
        self._now = oom_kills()
        if self._now is None:
            return 0
        if self._seen is None:
            self._seen = self._now
        return max(0, self._now - self._seen)

    def forget(self) -> None:
        """Forgets those that new() has counted."""
        self._seen = self._now


def processors() -> int:
    """Processors that the quota allows, rounded up; at least one."""
    available = len(os.sched_getaffinity(0))
    quota, _, period = _read("/sys/fs/cgroup/cpu.max").strip().partition(" ")
    if not quota:
        quota = _read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").strip()
        period = _read("/sys/fs/cgroup/cpu/cpu.cfs_period_us").strip()
    if quota.isdigit() and period.isdigit() and int(period) > 0:
        available = min(available, math.ceil(int(quota) / int(period)))
    return max(1, available)
