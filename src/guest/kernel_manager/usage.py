"""Measures an execution: processor time and peak memory of the whole sandbox while it runs. Runs in the agent.

The system's own peak counts from the sandbox's start and cannot be reset in a container. It is exact for an execution that raised it.
For others the agent samples memory, so that a peak between two samples is missed.
"""
from __future__ import annotations

from typing import Any, Optional

from . import cgroup

# Seconds. The first sample soon, then fewer of them: the agent's processor time counts, too.
_FIRST_SAMPLE = 0.02
_SAMPLE = 0.1


class Usage:
    """Measures one execution at a time."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._timer: Any = None
        self._cpu: Optional[int] = None
        self._peak_before: Optional[int] = None
        self._highest: Optional[int] = None

    def begin(self) -> None:
        self.stop()
        self._cpu = cgroup.cpu_microseconds()
        self._peak_before = cgroup.memory_peak_bytes()
        self._highest = None
        self._sample()
        self._timer = self._loop.call_later(_FIRST_SAMPLE, self._sample_again)

    def stop(self) -> None:
        """Takes no more samples."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def cpu_ms(self) -> Optional[int]:
        """Processor time since begin()."""
        now = cgroup.cpu_microseconds()
        return None if now is None or self._cpu is None else max(0, now - self._cpu) // 1000

    def peak_memory_bytes(self) -> Optional[int]:
        """The most memory in use since begin()."""
        self._sample()
        peak = cgroup.memory_peak_bytes()
        if peak is not None and self._peak_before is not None and peak > self._peak_before:
            return peak
        return self._highest

    def _sample(self) -> None:
        now = cgroup.memory_bytes()
        if now is not None and (self._highest is None or now > self._highest):
            self._highest = now

    def _sample_again(self) -> None:
        self._timer = self._loop.call_later(_SAMPLE, self._sample_again)
        self._sample()
