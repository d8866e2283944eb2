"""Ends a cell that waits forever for a process that the memory limit has ended, as multiprocessing.Pool does. Runs in the agent."""
from __future__ import annotations

from typing import Any, Callable, Optional, Set

from . import processes
from .cgroup import OomKills
from .kernel_processes import KernelProcesses
from .main_thread import MainThread
from .processes import Identity

_LOOK_SECONDS = 1.0
# Processor time of idle processes between two looks, in ticks: the threads of a pool wake ten times a second.
_IDLE_TICKS = 3
_IDLE_LOOKS = 3


class MemoryHang:
    """Watches one execution at a time. Calls `on_hang` if a process was killed, all are idle, and the main thread waits for a lock."""

    def __init__(self, loop: Any, context: KernelProcesses, on_hang: Callable[[], None]) -> None:
        self._loop = loop
        self._context = context
        self._on_hang = on_hang
        self._timer: Any = None
        self._main: Optional[MainThread] = None
        self._kills: Optional[OomKills] = None
        # The context's processes before the kill; None without other contexts: then every killed process was its own.
        self._known: Optional[Set[Identity]] = None
        self._ticks = 0
        self._idle = 0

    def begin(self, main: Optional[MainThread]) -> None:
        self.stop()
        self._main = main
        self._kills = OomKills()
        self._known = self._running()
        self._idle = 0
        self._timer = self._loop.call_later(_LOOK_SECONDS, self._look)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = self._loop.call_later(_LOOK_SECONDS, self._look)
        if self._kills is None or self._main is None:
            return
        if self._kills.new() == 0:
            self._known = self._running()
            return
        if self._known is not None and self._known <= (self._running() or set()):
            # The killed process was another context's.
            self._kills.forget()
            return
        ticks = processes.processor_ticks(self._context.all())
        idle = 0 <= ticks - self._ticks <= _IDLE_TICKS and self._main.waits_for_lock()
        self._ticks = ticks
        self._idle = self._idle + 1 if idle else 0
        if self._idle >= _IDLE_LOOKS:
            self.stop()
            self._on_hang()

    def _running(self) -> Optional[Set[Identity]]:
        if self._context.alone:
            return None
        return {process.identity for process in self._context.all().values() if not process.zombie}
