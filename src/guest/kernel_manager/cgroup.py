"""Reads the container's control group: processes that its memory limit killed, the number of processes, the CPU quota."""
from __future__ import annotations

import math
import os
from typing import Optional

_PIDS_FILES = ("/sys/fs/cgroup/pids.current", "/sys/fs/cgroup/pids/pids.current")
_OOM_FILES = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read(65536)
    except OSError:
        return ""


def oom_kills() -> Optional[int]:
    """How many processes the memory limit has killed so far; None where that cannot be read."""
    for path in _OOM_FILES:
        for line in _read(path).splitlines():
            name, _, value = line.partition(" ")
            if name == "oom_kill" and value.isdigit():
                return int(value)
    return None


def tasks() -> Optional[int]:
    """How many processes and threads there are; None where that cannot be read."""
    for path in _PIDS_FILES:
        value = _read(path).strip()
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
