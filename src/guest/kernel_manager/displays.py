"""What one cell displays, on its way to the server: checked, numbered, capped and counted. Runs in the agent.

A display's texts are opaque here and later: JSON in them is not parsed. Long ones come, and go on, in parts before the display.
"""
from __future__ import annotations

from typing import Any, Dict, Optional

from kernel.wire import MAX_MESSAGE_BYTES

from .untrusted import Untrusted, text

_MAX_KEPT = 100
# Of all displays of a cell together: a result with more pictures would occupy the server for longer than 20 ms.
_MAX_CHARACTERS = 4 << 20
_MAX_PICTURE_CHARACTERS = 3 << 19
_MAX_MIME_TYPES = 32
_MAX_NAME = 256
# What a kernel adds to a text that it cuts at the budget.
_MARK_CHARACTERS = 256
# What each part counts besides its text: empty ones are no free way to keep the server busy.
_PART_CHARACTERS = 256


class Displays:
    """One for each cell. `limit` is the most characters of a text that is no picture."""

    def __init__(self, limit: int) -> None:
        self._limit = limit + _MARK_CHARACTERS
        self.totals = {"count": 0, "kept": 0, "bytes": 0}
        # Of the display whose parts are coming: how long each text is by now.
        self._parts: Dict[str, int] = {}
        # Whether one of them was not sent on: then the display goes without them.
        self._lost = False
        # Characters sent on.
        self._sent = 0
        self._noted = False

    def part(self, message: Dict[str, Any]) -> Optional[Dict[str, Any]]:
        """The event that a part becomes; None where its display will not be kept. Raises Untrusted."""
        name = text(message.get("name"), _MAX_NAME)
        piece = text(message.get("text"), MAX_MESSAGE_BYTES)
        length = self._parts.get(name, 0) + len(piece)
        self._check(name, length)
        self._parts[name] = length
        if len(self._parts) > _MAX_MIME_TYPES:
            raise Untrusted("a display has too many parts")
        size = len(piece) + _PART_CHARACTERS
        self._lost = self._lost or not self._fits(size, 0)
        if self._lost:
            return None
        self._sent += size
        return {"type": "part", "display": self.totals["count"] + 1, "name": name, "text": piece}

    def take(self, message: Dict[str, Any]) -> Optional[Dict[str, Any]]:
        """The event that a display or a result becomes; None when it is beyond a cap. Raises Untrusted."""
        kind, data = message.get("type"), message.get("data")
        if not isinstance(data, dict) or len(data) + len(self._parts) > _MAX_MIME_TYPES:
            raise Untrusted("a bundle is no small object")
        kept: Dict[str, str] = {}
        size = 0
        for name, value in data.items():
            name = text(name, _MAX_NAME)
            kept[name] = text(value, MAX_MESSAGE_BYTES)
            self._check(name, len(kept[name]))
            size += len(kept[name])
        event: Dict[str, Any] = {"type": kind, "data": kept}
        if message.get("note") is True and not self._noted:
            # One note on what was left out is no display of the cell's own.
            self._noted = True
            return {**event, "note": True}
        self.totals["count"] += 1
        # The result comes last: pictures before it must not push it out.
        fits = self._fits(size, 1 if kind == "result" else 0)
        self.totals["bytes"] += size + sum(self._parts.values())
        parts, self._parts = self._parts, {}
        lost, self._lost = self._lost, False
        if not fits:
            return None
        self._sent += size
        self.totals["kept"] += 1
        if lost:
            left_out = ", ".join("%s of %d characters" % part for part in parts.items())
            note = "[left out: %s; all displays of a cell have at most %d]" % (left_out, _MAX_CHARACTERS)
            kept["text/plain"] = " ".join(filter(None, (kept.get("text/plain"), note)))
        elif parts:
            event["parts"] = self.totals["count"]
        return event

    def _fits(self, more: int, extra: int) -> bool:
        return self.totals["kept"] < _MAX_KEPT + extra and self._sent + more <= _MAX_CHARACTERS + extra * self._limit

    def _check(self, name: str, length: int) -> None:
        if length > (_MAX_PICTURE_CHARACTERS if name.startswith("image/") else self._limit):
            raise Untrusted("a display's text is longer than the cell's budget")
