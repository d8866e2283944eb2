"""Writes frames to the server in order, in bounded memory, without blocking when the server does not read."""

from __future__ import annotations

import os
from collections import deque
from typing import Callable, Deque, Dict, Optional

from agent.events import EventWindow
from agent.frames import DATA
from agent.process import log
from agent.reactor import Handle, Reactor

# Bytes of a stream that may wait: it pauses at the first mark and continues at the second, so that other streams wait little.
_HIGH_WATER_MARK = 64 * 1024
_LOW_WATER_MARK = 32 * 1024
# Waiting bytes other than data. If they exceed the first limit, the server does not read its answers, so the agent reads nothing from it
# until they fall to the second.
_BACKPRESSURE_BYTES = 2 << 20
_RESUME_BYTES = 128 * 1024
_BATCH_BYTES = 64 * 1024
# Seconds that what a cell shows last waits for the cell's reply, to share its write.
_REPLY_SECONDS = 0.005


class _StreamQueue:
    """The waiting frames of one stream, in order."""

    __slots__ = ("above_high_water_mark", "frames", "size")

    def __init__(self) -> None:
        self.frames: Deque[bytes] = deque()
        self.size = 0
        self.above_high_water_mark = False


class Output:
    """Writes frames to stdout: PONG and CREDIT first, then events and one frame of each stream in turn."""

    def __init__(
        self,
        loop: Reactor,
        fd: int,
        events: EventWindow,
        on_drained: Callable[[], None],
        on_writable: Callable[[int], None],
    ) -> None:
        """`on_writable` reports that a stream may continue, `on_drained` that the agent may read from the server again."""
        self._loop = loop
        self._fd = fd
        self._events = events
        self._on_drained = on_drained
        self._on_writable = on_writable
        self._urgent: Deque[bytes] = deque()
        # In the order of turns: a stream that has sent a frame moves to the end.
        self._queues: Dict[int, _StreamQueue] = {}
        # Waiting bytes other than streams' data, which the queues bound.
        self._waiting = 0
        self._batch = memoryview(b"")
        self._scheduled: Optional[Handle] = None
        self._late: Optional[Handle] = None
        self._blocked = False
        self._was_backpressured = False
        self._attached = False

    def above_high_water_mark(self, stream: int) -> bool:
        """Whether a stream must pause; `on_writable` reports when it may continue."""
        queue = self._queues.get(stream)
        if queue is None or queue.size < _HIGH_WATER_MARK:
            return False
        queue.above_high_water_mark = True
        return True

    @property
    def backpressured(self) -> bool:
        if self._waiting < _BACKPRESSURE_BYTES:
            return False
        self._was_backpressured = True
        return True

    @property
    def idle(self) -> bool:
        return not self._attached or not (self._batch or self._urgent or self._queues or self._scheduled or self._late)

    def attach(self, beginning: bytes) -> None:
        """Drops the frames of the previous attach, and starts with these bytes."""
        self.detach()
        self._attached = True
        self._batch = memoryview(beginning)
        self.schedule_flush()

    def detach(self) -> None:
        self._attached = False
        self._urgent.clear()
        self._queues.clear()
        self._waiting = 0
        self._batch = memoryview(b"")
        self._unblock()

    def send(self, stream: int, frame: bytes) -> None:
        """Queues a stream's frame, to be sent in its turn."""
        if not self._attached:
            return
        queue = self._queues.get(stream)
        if queue is None:
            queue = self._queues[stream] = _StreamQueue()
        queue.frames.append(frame)
        queue.size += len(frame)
        if frame[0] != DATA:
            self._waiting += len(frame)
        self.schedule_flush()

    def send_first(self, frame: bytes) -> None:
        """Queues a frame before all others."""
        if self._attached:
            self._urgent.append(frame)
            self._waiting += len(frame)
            self.schedule_flush()

    def schedule_flush(self) -> None:
        """Schedules a flush at the end of the loop's turn, so that many frames make one write."""
        if self._attached and not self._blocked and self._scheduled is None:
            self._scheduled = self._loop.call_soon(self._flush)

    def schedule_late_flush(self) -> None:
        """Schedules a flush with the next frame, or soon if there is none: the engine and the server wake once for both."""
        if self._attached and not self._blocked and self._scheduled is None and self._late is None:
            self._late = self._loop.call_later(_REPLY_SECONDS, self._flush)

    def flush_now(self) -> None:
        self._flush()

    def _flush(self) -> None:
        self._scheduled = None
        if self._late is not None:
            self._late.cancel()
            self._late = None
        try:
            while self._attached:
                if not self._batch:
                    self._batch = self._next_batch()
                    if not self._batch:
                        break
                self._batch = self._batch[os.write(self._fd, self._batch) :]
        except BlockingIOError:
            if not self._blocked:
                self._blocked = True
                self._loop.add_writer(self._fd, self._flush)
        except OSError as error:
            # The lease continues, and a new attach may bring a reader.
            log("Cannot write to stdout: %s" % error)
            self.detach()
        else:
            self._unblock()
        if self._was_backpressured and self._waiting <= _RESUME_BYTES:
            self._was_backpressured = False
            self._on_drained()

    def _unblock(self) -> None:
        if self._blocked:
            self._blocked = False
            self._loop.remove_writer(self._fd)

    def _next_batch(self) -> memoryview:
        parts = []
        size = 0
        while self._urgent:
            parts.append(self._urgent.popleft())
            size += len(parts[-1])
        self._waiting -= size
        while size < _BATCH_BYTES:
            frames = [frame for frame in (self._events.next_frame(), self._next_of_queues()) if frame is not None]
            if not frames:
                break
            parts += frames
            size += sum(map(len, frames))
        return memoryview(parts[0] if len(parts) == 1 else b"".join(parts))

    def _next_of_queues(self) -> Optional[bytes]:
        """The next frame of the stream whose turn it is."""
        stream = next(iter(self._queues), None)
        if stream is None:
            return None
        queue = self._queues.pop(stream)
        frame = queue.frames.popleft()
        queue.size -= len(frame)
        if frame[0] != DATA:
            self._waiting -= len(frame)
        if queue.frames:
            self._queues[stream] = queue
        if queue.above_high_water_mark and queue.size <= _LOW_WATER_MARK:
            queue.above_high_water_mark = False
            # Not at once: its next frames would go before the waiting frames of others.
            self._loop.call_soon(self._on_writable, stream)
        return frame
