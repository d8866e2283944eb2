"""The steps between a kernel's report that an execution is done and the reply: check that the report is true, and that everything
that an overrun cell started has ended.

Runs in the agent.
"""
from __future__ import annotations

import os
import time
from typing import Any, Callable, Dict, Optional

from .kernel_manager import KernelManager
from .background_processes import BackgroundProcesses
from .main_thread import MainThread
from .threads import Activity, NewThreads, has_timers, moved

# Seconds in which the main thread must begin to wait. It may first need the interpreter's lock, which other threads hold.
_RETURN_SECONDS = 1.5
_RETURN_OVERRUN_SECONDS = 0.5
# Seconds for an overrun cell's asyncio tasks to end.
_SETTLE_SECONDS = 0.5
_PAUSES = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02)
# Looks with only a yield of the processor between them, and with a sleep, which Linux prolongs by as much again.
_YIELDS = 20
_SLEEPS = 12
_POLL_SECONDS = 0.00005
# Seconds. Interrupted threads get _STOP_SECONDS to stop; then threads and processes are watched for _WATCH_SECONDS. If any still run,
# the processes are killed and all are watched again, unless _WATCH_UNTIL_SECONDS would pass.
_STOP_SECONDS = 0.02
_WATCH_SECONDS = 0.3
_WATCH_UNTIL_SECONDS = 1.0

FORGED = "it reported that the cell was done while the cell still ran"
_RUNS_ON = "threads, timers or processes that the cell had started did not stop"
_TASKS = "asyncio tasks that the cell had started did not stop when they were cancelled"


class Epilogue:
    """The epilogue of one execution. Calls `on_true` with None or with the reason why the kernel must end, or calls `on_false` for a
    false report. It calls one of them once, and none after stop().
    """

    def __init__(
        self,
        loop: Any,
        background: BackgroundProcesses,
        threads: NewThreads,
        main: MainThread,
        kernel: KernelManager,
        on_true: Callable[[Optional[str]], None],
        on_false: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._background = background
        self._threads = threads
        self._main = main
        self._kernel = kernel
        self._pid = kernel.pid
        self._on_true = on_true
        self._on_false = on_false
        self._overran = False
        self._settling: Any = None
        self._stopped = False
        self._begun = 0.0
        self._waited = 0

    def begin(self, overran: bool) -> None:
        self._begun = self._loop.time()
        self._overran = overran
        if self._waits_now():
            self._on_returned()
        else:
            self._poll()

    def settled(self, tasks: int) -> None:
        """Takes the number of the cell's tasks that did not end, as the kernel reports it."""
        if self._settling is None:
            return
        self._settling.cancel()
        self._settling = None
        if tasks:
            self._end(_TASKS)
        else:
            self._background.end_new(self._loop, lambda: self._stopped, self._on_processes_ended)

    def stop(self) -> None:
        self._stopped = True

    def _waits_now(self) -> bool:
        """Whether the main thread waits. It polls for some microseconds: a turn of the loop would take a millisecond."""
        for look in range(_YIELDS + _SLEEPS):
            if self._main.waits():
                return True
            if look < _YIELDS:
                os.sched_yield()
            else:
                time.sleep(_POLL_SECONDS)
        return False

    def _poll(self) -> None:
        if self._stopped:
            return
        if self._main.waits():
            self._on_returned()
        elif self._loop.time() - self._begun >= (_RETURN_OVERRUN_SECONDS if self._overran else _RETURN_SECONDS):
            self._stopped = True
            self._on_false()
        else:
            self._later(_PAUSES[min(self._waited, len(_PAUSES) - 1)], self._poll)
            self._waited += 1

    def _on_returned(self) -> None:
        if not self._overran:
            self._end(None)
        else:
            self._kernel.send({"type": "settle"})
            self._settling = self._loop.call_later(_SETTLE_SECONDS, self._give_up)

    def _give_up(self) -> None:
        # Its answer may have arrived while the agent could not emit events.
        self._kernel.drain()
        if self._settling is not None:
            self._end(_TASKS)

    def _on_processes_ended(self, all_ended: bool) -> None:
        if not all_ended or self._threads.has_new_timers(self._pid):
            self._end(_RUNS_ON)
        elif self._threads.sample(self._pid).keys() <= {self._pid} and not has_timers(self._pid) and self._waits_now():
            # Nothing is left that could run: the usual case, without a wait.
            self._end(None)
        else:
            self._later(_STOP_SECONDS, self._watch)

    def _watch(self) -> None:
        self._later(_WATCH_SECONDS, self._compare, self._threads.sample(self._pid))

    def _compare(self, before: Dict[int, Activity]) -> None:
        if self._stopped:
            return
        idle = self._main.waits() and not moved(before, self._threads.sample(self._pid))
        if idle and not self._background.has_new():
            self._end(None)
        elif self._loop.time() - self._begun < _WATCH_UNTIL_SECONDS - _WATCH_SECONDS:
            # A pool's threads may just have finished their work, or a process may have been started again.
            self._background.end_new(self._loop, lambda: self._stopped, self._on_processes_ended)
        else:
            self._end(_RUNS_ON)

    def _end(self, reason: Optional[str]) -> None:
        if not self._stopped:
            self._stopped = True
            self._on_true(reason)

    def _later(self, seconds: float, callback: Callable[..., None], *arguments: Any) -> None:
        self._loop.call_later(seconds, callback, *arguments)
