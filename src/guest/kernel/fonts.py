"""Matplotlib's fonts: if a style's font lacks a character, a CJK font supplies it if one is installed."""
from __future__ import annotations

import logging
from typing import Any, List, Set

# Our image has the first.
_CJK = ("Droid Sans Fallback", "Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei")


def add_cjk_fallback() -> None:
    """Styles such as seaborn's replace matplotlib's list of families, and with it the fallback that the image sets there."""
    from matplotlib import font_manager

    manager: Any = font_manager.FontManager
    # Not public in matplotlib: without it characters are drawn as boxes, and nothing else fails.
    find = getattr(manager, "_find_fonts_by_props", None)
    if find is None or getattr(find, "__wrapped__", None) is not None:
        return

    def find_with_fallback(self: Any, prop: Any, *rest: Any, **options: Any) -> List[Any]:
        fallback = _fallback(self)
        if fallback is None:
            found: List[Any] = find(self, prop, *rest, **options)
            return found
        prop = font_manager.FontProperties._from_any(prop)
        # It has one weight: matplotlib would warn if a bold one were requested.
        others = [family for family in prop.get_family() if family not in _CJK]
        if others:
            prop = prop.copy()
            prop.set_family(others)
        found = find(self, prop, *rest, **options)
        return found if fallback in found else [*found, fallback]

    find_with_fallback.__wrapped__ = find  # type: ignore[attr-defined]
    manager._find_fonts_by_props = find_with_fallback


def _fallback(manager: Any) -> Any:
    installed = {entry.name for entry in manager.ttflist}
    for name in _CJK:
        if name in installed:
            return manager.findfont(name)
    return None


class Once(logging.Filter):
    """Lets each message through once per cell: matplotlib repeats for each label that its font is missing."""

    def __init__(self) -> None:
        super().__init__()
        self._said: Set[str] = set()

    def begin_cell(self) -> None:
        self._said.clear()

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if message in self._said:
            return False
        self._said.add(message)
        return True


once = Once()
