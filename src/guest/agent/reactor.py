"""A small single-threaded event loop with the method names of asyncio's, which takes too long to import."""

from __future__ import annotations

import heapq
import itertools
import select
import time
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional, Tuple

from agent.process import log_exception

_READ = select.POLLIN | select.POLLPRI
_WRITE = select.POLLOUT
_MIN_SWEEP = 64
_ENDED = select.POLLHUP | select.POLLERR | select.POLLNVAL


class Handle:
    """A scheduled callback that can be cancelled."""

    __slots__ = ("_args", "_callback", "when")

    def __init__(self, when: float, callback: Callable[..., Any], args: Tuple[Any, ...]) -> None:
        self.when = when
        self._callback: Optional[Callable[..., Any]] = callback
        self._args = args

    def cancel(self) -> None:
        self._callback = None
        self._args = ()

    def cancelled(self) -> bool:
        return self._callback is None

    def run(self) -> None:
        callback, args = self._callback, self._args
        self.cancel()
        if callback is None:
            return
        try:
            callback(*args)
        except Exception:
            # PID 1 must survive any failure: log it and continue.
            log_exception("A callback failed")


class Reactor:
    """Runs callbacks when a descriptor is ready or a time is reached. Times are in seconds of the monotonic clock."""

    def __init__(self) -> None:
        # poll, not epoll: it accepts /dev/null and files, and a forked child shares no state with it.
        self._poll = select.poll()
        self._readers: Dict[int, Handle] = {}
        self._writers: Dict[int, Handle] = {}
        self._timers: List[Tuple[float, int, Handle]] = []
        self._order = itertools.count()
        self._sweep_at = _MIN_SWEEP
        self._soon: Deque[Handle] = deque()
        self._running = False

    def time(self) -> float:
        return time.monotonic()

    def call_soon(self, callback: Callable[..., Any], *args: Any) -> Handle:
        handle = Handle(0.0, callback, args)
        self._soon.append(handle)
        return handle

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> Handle:
        return self.call_at(self.time() + max(0.0, delay), callback, *args)

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any) -> Handle:
        handle = Handle(when, callback, args)
        if len(self._timers) >= self._sweep_at:
            # Most deadlines are cancelled long before their time: remove them, or they accumulate.
            self._timers = [timer for timer in self._timers if not timer[2].cancelled()]
            heapq.heapify(self._timers)
            self._sweep_at = max(_MIN_SWEEP, 2 * len(self._timers))
        heapq.heappush(self._timers, (when, next(self._order), handle))
        return handle

    def add_reader(self, fd: int, callback: Callable[..., Any], *args: Any) -> None:
        self._readers[fd] = Handle(0.0, callback, args)
        self._register(fd)

    def remove_reader(self, fd: int) -> bool:
        return self._remove(fd, self._readers)

    def add_writer(self, fd: int, callback: Callable[..., Any], *args: Any) -> None:
        self._writers[fd] = Handle(0.0, callback, args)
        self._register(fd)

    def remove_writer(self, fd: int) -> bool:
        return self._remove(fd, self._writers)

    def run_forever(self) -> None:
        self._running = True
        while self._running:
            self._turn()

    def stop(self) -> None:
        self._running = False

    def _remove(self, fd: int, handles: Dict[int, Handle]) -> bool:
        if handles.pop(fd, None) is None:
            return False
        self._register(fd)
        return True

    def _register(self, fd: int) -> None:
        events = (_READ if fd in self._readers else 0) | (_WRITE if fd in self._writers else 0)
        if events:
            self._poll.register(fd, events)
        else:
            # Without this, poll would report a descriptor that has hung up forever.
            self._poll.unregister(fd)

    def _turn(self) -> None:
        for fd, events in self._poll.poll(self._poll_timeout_ms()):
            if events & (_READ | _ENDED):
                self._call(fd, self._readers)
            if events & (_WRITE | _ENDED):
                self._call(fd, self._writers)
        now = self.time()
        while self._timers and (self._timers[0][0] <= now or self._timers[0][2].cancelled()):
            heapq.heappop(self._timers)[2].run()
        # Only those scheduled before this turn: a callback that schedules itself again must not starve the others.
        for _ in range(len(self._soon)):
            self._soon.popleft().run()

    def _call(self, fd: int, handles: Dict[int, Handle]) -> None:
        # An earlier callback of this turn may have removed it.
        handle = handles.get(fd)
        if handle is None:
            return
        callback, args = handle._callback, handle._args
        if callback is not None:
            try:
                callback(*args)
            except Exception:
                log_exception("A callback on a descriptor failed")

    def _poll_timeout_ms(self) -> Optional[float]:
        """Milliseconds that the poll may wait; None for no limit."""
        if self._soon:
            return 0
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        left = self._timers[0][0] - self.time()
        # poll counts whole milliseconds: round up, or the loop would spin during the last one.
        return left * 1000 + 1 if left > 0 else 0
