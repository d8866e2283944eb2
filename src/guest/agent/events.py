"""Events that the server has not acknowledged: numbered over the container's life, and sent again at each attach."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any, Deque, List, Optional, Tuple

from agent.frames import EVENT, ProtocolError, encode_message

if TYPE_CHECKING:
    from agent.message_types import Event

# PROTOCOL.md: beyond either, the agent does not read its kernel's pipes.
MAX_UNACKNOWLEDGED_BYTES = 8 << 20
MAX_UNACKNOWLEDGED = 4096
MAX_EVENT_BYTES = 256 << 10
# Replies may exceed the limits above, because every request gets one; these limits stop a server that never acknowledges.
_HARD_BYTES = 2 * MAX_UNACKNOWLEDGED_BYTES + MAX_EVENT_BYTES
_HARD_COUNT = 4 * MAX_UNACKNOWLEDGED


def to_json(value: Any) -> bytes:
    """Strict JSON in UTF-8: NaN and Infinity become null, lone surrogates question marks."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        text = json.dumps(json.loads(json.dumps(value), parse_constant=_null), ensure_ascii=False)
    return text.encode("utf-8", "replace")


def _null(_: str) -> None:
    return None


class EventWindow:
    """Keeps events until they are acknowledged, and hands out their frames in order."""

    def __init__(self) -> None:
        self._last = 0
        self._kept: Deque[Tuple[int, List[bytes], int]] = deque()
        self._bytes = 0
        self._unsent: Deque[bytes] = deque()

    @property
    def has_room(self) -> bool:
        return self._bytes < MAX_UNACKNOWLEDGED_BYTES and len(self._kept) < MAX_UNACKNOWLEDGED

    @property
    def overrun(self) -> bool:
        return self._bytes > _HARD_BYTES or len(self._kept) > _HARD_COUNT

    def add(self, request_id: int, event: "Event") -> None:
        """Numbers an event and keeps it. An event that is too long for a message becomes an error of the same request."""
        body = to_json(event)
        if len(body) > MAX_EVENT_BYTES:
            body = to_json(_too_large(event, len(body)))
        self._last += 1
        frames = encode_message(EVENT, request_id, body, self._last)
        size = sum(map(len, frames))
        self._kept.append((self._last, frames, size))
        self._bytes += size
        self._unsent.extend(frames)

    def acknowledge(self, seq: int) -> None:
        """Deletes the events up to seq. Raises ProtocolError."""
        if seq > self._last:
            raise ProtocolError("bad_seq", "ACK: seq must be at most %d; received %d" % (self._last, seq))
        while self._kept and self._kept[0][0] <= seq:
            self._bytes -= self._kept.popleft()[2]

    def rewind(self) -> None:
        """Marks all kept events as unsent: a new attach has begun."""
        self._unsent = deque(frame for _, frames, _ in self._kept for frame in frames)

    def next_frame(self) -> Optional[bytes]:
        return self._unsent.popleft() if self._unsent else None


def _too_large(event: "Event", size: int) -> "Event":
    message = "An event must be at most %d bytes: this %s has %d" % (MAX_EVENT_BYTES, event["type"], size)
    if event["type"] == "reply":
        return {"type": "reply", "error": {"code": "internal", "message": message}}
    return {"type": "error", "ename": "EventTooLarge", "evalue": message, "traceback": message, "note": True}
