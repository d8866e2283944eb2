"""What goes to the server: frames in their order, in bounded memory, without ever waiting for it to read."""

from __future__ import annotations

import os
from collections import deque
from typing import Callable, Deque, Optional

from agent.events import EventWindow
from agent.process import log
from agent.reactor import Handle, Reactor

# Streams stop sending above the first and go on below the second.
_CROWDED_BYTES = 512 * 1024
_DRAINED_BYTES = 128 * 1024
# Above this the server asks for answers and does not read them: it is not read either.
_CHOKED_BYTES = 2 << 20
_BATCH_BYTES = 256 * 1024


class Output:
    """Writes frames to stdout: answers to PING and credit first, then events and streams in turn."""

    def __init__(self, loop: Reactor, fd: int, events: EventWindow, on_drained: Callable[[], None]) -> None:
        self._loop = loop
        self._fd = fd
        self._events = events
        self._on_drained = on_drained
        self._urgent: Deque[bytes] = deque()
        self._queue: Deque[bytes] = deque()
        self._waiting = 0
        self._batch = memoryview(b"")
        self._soon: Optional[Handle] = None
        self._blocked = False
        self._told_crowded = False
        self._attached = False

    @property
    def crowded(self) -> bool:
        """Whether a stream must hold its data back; it is told through on_drained when it may go on."""
        if self._waiting + len(self._batch) < _CROWDED_BYTES:
            return False
        self._told_crowded = True
        return True

    @property
    def choked(self) -> bool:
        if self._waiting < _CHOKED_BYTES:
            return False
        self._told_crowded = True
        return True

    @property
    def idle(self) -> bool:
        return not self._attached or not (self._batch or self._urgent or self._queue or self._soon)

    def attach(self, beginning: bytes) -> None:
        """Forgets what a former attach was owed, and begins with these bytes."""
        self.detach()
        self._attached = True
        self._batch = memoryview(beginning)
        self.poke()

    def detach(self) -> None:
        self._attached = False
        self._urgent.clear()
        self._queue.clear()
        self._waiting = 0
        self._batch = memoryview(b"")
        self._unblock()

    def send(self, frame: bytes, urgent: bool = False) -> None:
        if not self._attached:
            return
        (self._urgent if urgent else self._queue).append(frame)
        self._waiting += len(frame)
        self.poke()

    def poke(self) -> None:
        """Sees to it that what waits is written, at the end of the loop's turn: many frames make one write."""
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
            # The lease goes on, and a new attach may find a reader again.
            log("Nobody reads stdout: %s" % error)
            self.detach()
        else:
            self._unblock()
        if self._told_crowded and self._waiting <= _DRAINED_BYTES:
            self._told_crowded = False
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
            event = self._events.next_frame()
            if event is not None:
                parts.append(event)
                size += len(event)
            if self._queue:
                parts.append(self._queue.popleft())
                size += len(parts[-1])
                self._waiting -= len(parts[-1])
            elif event is None:
                break
        return memoryview(parts[0] if len(parts) == 1 else b"".join(parts))
