"""Assembles requests from frames and parses them as strict JSON."""

from __future__ import annotations

import json
from typing import Any, Dict, NoReturn, Optional

from agent.frames import MORE, Frame, ProtocolError

MAX_REQUEST_BYTES = 8 << 20
# Bytes of all incomplete requests together: parts of different requests may be interleaved.
_MAX_PARTIAL_BYTES = 2 * MAX_REQUEST_BYTES
_MAX_PARTIAL = 64


class RequestAssembler:
    """Assembles requests from REQUEST frames; one for each attach."""

    def __init__(self) -> None:
        self._parts: Dict[int, bytearray] = {}
        self._bytes = 0

    def take(self, frame: Frame) -> Optional[Dict[str, Any]]:
        """Returns the request that this frame completes, an object with a `method`, or None. Raises ProtocolError."""
        parts = self._parts.setdefault(frame.id, bytearray())
        self._bytes += len(frame.payload)
        if len(parts) + len(frame.payload) > MAX_REQUEST_BYTES or self._bytes > _MAX_PARTIAL_BYTES:
            raise ProtocolError("message_too_long", "REQUEST may have at most %d bytes" % MAX_REQUEST_BYTES)
        if len(self._parts) > _MAX_PARTIAL:
            raise ProtocolError("message_too_long", "at most %d REQUESTs may be incomplete" % _MAX_PARTIAL)
        parts += frame.payload
        if frame.flags & MORE:
            return None
        del self._parts[frame.id]
        self._bytes -= len(parts)
        request = parse_object(bytes(parts), "REQUEST")
        method = request.get("method")
        if not isinstance(method, str) or not method:
            raise ProtocolError("bad_message", "REQUEST must have a method")
        return request


def parse_object(body: bytes, name: str) -> Dict[str, Any]:
    """Reads strict JSON that must be an object. Raises ProtocolError."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("bad_json", "%s is not JSON: %s" % (name, str(error)[:200])) from None
    if not isinstance(value, dict):
        raise ProtocolError("bad_message", "%s must be a JSON object" % name)
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError("%s is not JSON" % name)
