"""Checks, numbers, caps and counts the displays and the result of one execution before they are sent. Runs in the agent.

Neither the agent nor the server parses JSON in the texts of displays. The pieces of a long text precede their display.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional, Union

from kernel.wire import MAX_MESSAGE_BYTES

from .untrusted import Untrusted, text

if TYPE_CHECKING:
    from agent.message_types import DisplayData, DisplayTotals, ExecuteResultData, Part

_MAX_KEPT = 100
# Characters of all displays of an execution: a result with more pictures would block the server for longer than 20 ms.
_MAX_CHARACTERS = 4 << 20
_MAX_PICTURE_CHARACTERS = 3 << 19
_MAX_MIME_TYPES = 32
_MAX_NAME = 256
# The mark that a kernel adds to a text that it cuts at the budget.
_MARK_CHARACTERS = 256
# Each part counts this much in addition to its text: otherwise a flood of empty parts would keep the server busy at no cost.
_PART_CHARACTERS = 256


class Displays:
    """One for each execution. `limit` is the maximum length of a text that is not a picture, in characters."""

    def __init__(self, limit: int) -> None:
        self._limit = limit + _MARK_CHARACTERS
        self.totals: "DisplayTotals" = {"count": 0, "kept": 0, "bytes": 0}
        # The length so far of each text of the display whose parts are arriving.
        self._parts: Dict[str, int] = {}
        # Whether one of them was dropped: then the display is sent without them.
        self._lost = False
        # Characters sent on.
        self._sent = 0
        self._noted = False

    def part(self, message: Dict[str, Any]) -> "Optional[Part]":
        """The event for a part; None when its display will not be kept. Raises Untrusted."""
        name = text(message.get("mime_type"), _MAX_NAME)
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
        return {"type": "part", "display": self.totals["count"] + 1, "mime_type": name, "text": piece}

    def take(self, message: Dict[str, Any]) -> "Optional[Union[DisplayData, ExecuteResultData]]":
        """The event for a display or a result; None when it is beyond a cap. Raises Untrusted."""
        is_result, data = message.get("type") == "execute_result", message.get("data")
        if not isinstance(data, dict) or len(data) + len(self._parts) > _MAX_MIME_TYPES:
            raise Untrusted("a bundle is not a small object")
        kept: Dict[str, str] = {}
        size = 0
        for name, value in data.items():
            name = text(name, _MAX_NAME)
            kept[name] = text(value, MAX_MESSAGE_BYTES)
            self._check(name, len(kept[name]))
            size += len(kept[name])
        if message.get("note") is True and not self._noted:
            # One note on omitted displays does not count as a display of the cell.
            self._noted = True
            return {"type": "display_data", "data": kept, "note": True}
        self.totals["count"] += 1
        # The result is last: earlier displays must not use up its room.
        fits = self._fits(size, 1 if is_result else 0)
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
        event: "Union[DisplayData, ExecuteResultData]"
        if is_result:
            event = {"type": "execute_result", "data": kept}
        else:
            event = {"type": "display_data", "data": kept}
        if parts and not lost:
            event["display"] = self.totals["count"]
        return event

    def _fits(self, more: int, extra: int) -> bool:
        return self.totals["kept"] < _MAX_KEPT + extra and self._sent + more <= _MAX_CHARACTERS + extra * self._limit

    def _check(self, name: str, length: int) -> None:
        if length > (_MAX_PICTURE_CHARACTERS if name.startswith("image/") else self._limit):
            raise Untrusted("a display's text is longer than the cell's budget")
