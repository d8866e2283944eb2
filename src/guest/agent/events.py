"""Events not acknowledged yet: numbered over the container's life, sent again at each attach."""

from __future__ import annotations

import json
from collections import deque
from typing import Any, Deque, Dict, List, Optional, Tuple

from agent.frames import EVENT, ProtocolError, encode_message

# PROTOCOL.md: beyond either, the kernel's pipes are not read.
MAX_UNACKNOWLEDGED_BYTES = 8 << 20
MAX_UNACKNOWLEDGED = 4096
MAX_EVENT_BYTES = 256 << 10
# Replies pass the limits above, as a request must be answered; a server that never acknowledges is cut off here.
_HARD_BYTES = 2 * MAX_UNACKNOWLEDGED_BYTES + MAX_EVENT_BYTES
_HARD_COUNT = 4 * MAX_UNACKNOWLEDGED


def to_json(value: Any) -> bytes:
    """JSON as the wire wants it: UTF-8, no NaN or Infinity (they become null), no lone surrogate."""
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

    def add(self, request_id: int, event: Dict[str, Any]) -> None:
        body = to_json(event)
        if len(body) > MAX_EVENT_BYTES:
            body = to_json(_stand_in(event, len(body)))
        self._last += 1
        frames = encode_message(EVENT, request_id, body, self._last)
        size = sum(map(len, frames))
        self._kept.append((self._last, frames, size))
        self._bytes += size
        self._unsent.extend(frames)

    def acknowledge(self, seq: int) -> None:
        """Forgets all up to seq. Raises ProtocolError."""
        if seq > self._last:
            raise ProtocolError("bad_seq", "ACK: seq must be at most %d: received %d" % (self._last, seq))
        while self._kept and self._kept[0][0] <= seq:
            self._bytes -= self._kept.popleft()[2]

    def rewind(self) -> None:
        """Makes all that is kept unsent: a new attach has begun."""
        self._unsent = deque(frame for _, frames, _ in self._kept for frame in frames)

    def next_frame(self) -> Optional[bytes]:
        return self._unsent.popleft() if self._unsent else None


def _stand_in(event: Dict[str, Any], size: int) -> Dict[str, Any]:
    """What is sent for an event that no message can hold."""
    message = "The message must be at most %d bytes: it has %d" % (MAX_EVENT_BYTES, size)
    if event.get("type") == "reply":
        return {"type": "reply", "error": {"code": "too_large", "message": message}}
    return {"type": "oversized", "event": str(event.get("type"))[:64], "bytes": size, "message": message}
