"""Reads the fields of a JSON object that the agent receives, and refuses the others."""

from __future__ import annotations

from typing import Any, List, Optional, Tuple


class InvalidMessage(Exception):
    """A request's parameters or the boot configuration are invalid (MESSAGES.md). The text names the field, never its value."""


_ABSENT = object()


class Fields:
    """Reads the fields of a JSON object one by one; `end` refuses unread fields."""

    def __init__(self, value: Any, place: str) -> None:
        if not isinstance(value, dict):
            raise InvalidMessage("%s must be an object; received %s" % (place, _kind(value)))
        self._left = dict(value)
        self._place = place

    def names(self) -> List[str]:
        return list(self._left)

    def end(self) -> None:
        if self._left:
            raise InvalidMessage("%s has the unknown field %.100s" % (self._place, next(iter(self._left))))

    def take(self, name: str, default: Any = _ABSENT) -> Any:
        value = self._left.pop(name, default)
        if value is _ABSENT:
            raise InvalidMessage("%s.%.100s is missing" % (self._place, name))
        return value

    def text(self, name: str, most: int, default: Any = _ABSENT) -> str:
        value = self.take(name, default)
        if not isinstance(value, str):
            raise self._wrong(name, "a text", value)
        if len(value) > most:
            raise InvalidMessage(
                "%s.%.100s must be at most %d characters; received %d" % (self._place, name, most, len(value))
            )
        return value

    def optional_text(self, name: str) -> Optional[str]:
        value = self.take(name)
        if value is not None and not isinstance(value, str):
            raise self._wrong(name, "a text or null", value)
        return value

    def texts(self, name: str) -> List[str]:
        value = self.take(name)
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self._wrong(name, "a list of texts", value)
        return list(value)

    def choice(self, name: str, choices: Tuple[str, ...]) -> str:
        value = self.take(name)
        if value not in choices:
            raise self._wrong(name, " or ".join(choices), value)
        return str(value)

    def boolean(self, name: str, default: Any = _ABSENT) -> bool:
        value = self.take(name, default)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false", value)
        return value

    def integer(self, name: str, least: int, most: int) -> int:
        value = self.take(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self._wrong(name, "a whole number from %d to %d" % (least, most), value)
        return value

    def number(self, name: str, least: float, most: float) -> float:
        value = self.take(name)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not least < value <= most:
            raise self._wrong(name, "a number above %g, at most %g" % (least, most), value)
        return float(value)

    def _wrong(self, name: str, wanted: str, value: Any) -> InvalidMessage:
        return InvalidMessage("%s.%.100s must be %s; received %s" % (self._place, name, wanted, _kind(value)))


def _kind(value: Any) -> str:
    """Shows a number as it is, and only the JSON type of other values: they may be secret or long."""
    if isinstance(value, bool) or value is None:
        return "true" if value is True else "false" if value is False else "null"
    if isinstance(value, (int, float)):
        return "%.40r" % value
    return "a text" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"
