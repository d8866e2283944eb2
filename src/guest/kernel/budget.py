"""The maximum length of one text of the running cell, and the cut of a longer one."""
from __future__ import annotations

# "… [12345678 characters left out] …" at its longest, without the words on where all of it is.
_MARK_CHARACTERS = 64


class _Budget:
    """Set at the start of each cell."""

    characters = 1 << 20


budget = _Budget()


def cut(text: str, limit: int, whole: str = "") -> str:
    """The text, or its beginning and end with the number of characters in between. `whole`: how to get all of it."""
    if len(text) <= limit:
        return text
    tail = limit // 4
    left_out = "%d characters left out%s" % (len(text) - limit, "; %s" % whole if whole else "")
    return "%s… [%s] …%s" % (text[: limit - tail], left_out, text[len(text) - tail :])


def within_budget(text: str, whole: str, most: int = 1 << 30) -> str:
    """Cuts a text to the cell's budget, and to `most`; the mark is within both, so that the server does not cut again."""
    limit = min(budget.characters, most)
    return text if len(text) <= limit else cut(text, max(0, limit - _MARK_CHARACTERS - len(whole)), whole)
