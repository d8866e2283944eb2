"""Short texts for the values of charts."""
from __future__ import annotations

from typing import Any, Callable, List

_MAX_CHARACTERS = 32
_MIDNIGHT = " 00:00:00"
# How many of many points are shown: evenly spread, with the first and the last.
_SHOWN = 7


def number(value: Any) -> str:
    """A value: a number with four digits, a date without an empty time."""
    try:
        # numpy converts its dates to numbers of nanoseconds.
        if getattr(getattr(value, "dtype", None), "kind", "") not in ("M", "m"):
            return "%.4g" % value
    except (TypeError, ValueError):
        pass
    text = str(value).replace("T", " ", 1) if hasattr(value, "dtype") else str(value)
    whole, point, fraction = text.partition(".")
    if point and not fraction.strip("0"):
        text = whole
    return (text[: -len(_MIDNIGHT)] if text.endswith(_MIDNIGHT) else text)[:_MAX_CHARACTERS]


def counted(count: int, noun: str) -> str:
    """A count and its noun, in the singular for one."""
    return "%d %s%s" % (count, noun, "" if count == 1 else "s")


def spread(count: int, show: Callable[[int], str]) -> str:
    """Shows all of a few items, or some of many; formats only those."""
    if count <= _SHOWN + 1:
        return " ".join([show(at) for at in range(count)])
    shown: List[str] = [show(round(step * (count - 1) / (_SHOWN - 1))) for step in range(_SHOWN)]
    return " … ".join(shown)
