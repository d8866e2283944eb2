"""Writes frames to the server in their order, in bounded memory, without waiting for it to read."""

from __future__ import annotations

import os
from collections import deque
from typing import Callable, Deque, Dict, Optional

from agent.events import EventWindow
from agent.frames import DATA
from agent.process import log
from agent.reactor import Handle, Reactor

# A stream stops sending above the first and goes on below the second: another's frame waits for little.
_LANE_BYTES = 64 * 1024
_LANE_DRAINED_BYTES = 32 * 1024
# Above the first the server asks for answers and does not read them: it is not read either, until the second.
_CHOKED_BYTES = 2 << 20
_UNCHOKED_BYTES = 128 * 1024
_BATCH_BYTES = 64 * 1024


class _Lane:
    """The frames of one stream that wait, in their order."""

    __slots__ = ("crowded", "frames", "size")

    def __init__(self) -> None:
        self.frames: Deque[bytes] = deque()
        self.size = 0
        self.crowded = False


class Output:
    """Writes frames to stdout: answers to PING and credit first, then events and one frame of each stream in turn."""

    def __init__(
        self,
        loop: Reactor,
        fd: int,
        events: EventWindow,
        on_unchoked: Callable[[], None],
        on_room: Callable[[int], None],
    ) -> None:
        """`on_room` reports that a stream may go on, `on_unchoked` that the server may be read again."""
        self._loop = loop
        self._fd = fd
        self._events = events
        self._on_unchoked = on_unchoked
        self._on_room = on_room
        self._urgent: Deque[bytes] = deque()
        # In the order of their turns: a stream that has sent a frame goes to the end.
        self._lanes: Dict[int, _Lane] = {}
        # Of all that waits but streams' data, which the lanes bound.
        self._waiting = 0
        self._batch = memoryview(b"")
        self._soon: Optional[Handle] = None
        self._blocked = False
        self._was_choked = False
        self._attached = False

    def crowded(self, stream: int) -> bool:
        """Whether a stream must hold its data back; `on_room` reports when it may go on."""
        lane = self._lanes.get(stream)
        if lane is None or lane.size < _LANE_BYTES:
            return False
        lane.crowded = True
        return True

    @property
    def choked(self) -> bool:
        if self._waiting < _CHOKED_BYTES:
            return False
        self._was_choked = True
        return True

    @property
    def idle(self) -> bool:
        return not self._attached or not (self._batch or self._urgent or self._lanes or self._soon)

    def attach(self, beginning: bytes) -> None:
        """Forgets what a former attach was owed, and begins with these bytes."""
        self.detach()
        self._attached = True
        self._batch = memoryview(beginning)
        self.poke()

    def detach(self) -> None:
        self._attached = False
        self._urgent.clear()
        self._lanes.clear()
        self._waiting = 0
        self._batch = memoryview(b"")
        self._unblock()

    def send(self, stream: int, frame: bytes) -> None:
        """Takes a stream's frame, to be sent in its turn."""
        if not self._attached:
            return
        lane = self._lanes.get(stream)
        if lane is None:
            lane = self._lanes[stream] = _Lane()
        lane.frames.append(frame)
        lane.size += len(frame)
        if frame[0] != DATA:
            self._waiting += len(frame)
        self.poke()

    def send_first(self, frame: bytes) -> None:
        """Takes a frame that goes before all others."""
        if self._attached:
            self._urgent.append(frame)
            self._waiting += len(frame)
            self.poke()

    def poke(self) -> None:
        """Schedules a flush at the end of the loop's turn, so that many frames make one write."""
        if self._attached and not self._blocked and self._soon is None:
            self._soon = self._loop.call_soon(self._flush)

    def flush_now(self) -> None:
        self._flush()

    def _flush(self) -> None:
        self._soon = None
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
            # The lease runs on, and a new attach may bring a reader.
            log("Nobody reads stdout: %s" % error)
            self.detach()
        else:
            self._unblock()
        if self._was_choked and self._waiting <= _UNCHOKED_BYTES:
            self._was_choked = False
            self._on_unchoked()

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
            frames = [frame for frame in (self._events.next_frame(), self._next_of_lanes()) if frame is not None]
            if not frames:
                break
            parts += frames
            size += sum(map(len, frames))
        return memoryview(parts[0] if len(parts) == 1 else b"".join(parts))

    def _next_of_lanes(self) -> Optional[bytes]:
        """The next frame of the stream whose turn it is."""
        stream = next(iter(self._lanes), None)
        if stream is None:
            return None
        lane = self._lanes.pop(stream)
        frame = lane.frames.popleft()
        lane.size -= len(frame)
        if frame[0] != DATA:
            self._waiting -= len(frame)
        if lane.frames:
            self._lanes[stream] = lane
        if lane.crowded and lane.size <= _LANE_DRAINED_BYTES:
            lane.crowded = False
            # Not now: what it sends next would go before what others have waiting.
            self._loop.call_soon(self._on_room, stream)
        return frame
