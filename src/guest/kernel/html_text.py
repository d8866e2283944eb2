"""What a reader sees of HTML, as plain text: tables with aligned columns, other text line by line."""
from __future__ import annotations

from html.parser import HTMLParser
from typing import Any, List, Optional

_MAX_CHARACTERS = 4000
_MAX_CELL = 60
_SILENT = ("script", "style", "head", "svg")
_BREAKS = ("br", "p", "div", "li", "h1", "h2", "h3", "h4", "tr", "table", "caption")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: List[str] = []
        self._text: List[str] = []
        self._silent = 0
        self._table: Optional[List[List[str]]] = None

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in _SILENT:
            self._silent += 1
        if tag in _BREAKS:
            self._break()
        if tag == "table":
            self._table = []
        elif tag == "tr" and self._table is not None:
            self._table.append([])
        elif tag in ("td", "th"):
            self._text = []

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in ("td", "th") and self._table:
            self._table[-1].append(" ".join("".join(self._text).split())[:_MAX_CELL])
            self._text = []
        elif tag == "table" and self._table is not None:
            self.lines += _aligned(self._table)
            self._table = None
        elif tag in _BREAKS:
            self._break()

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._text.append(data)

    def _break(self) -> None:
        if self._table is None:
            line = " ".join("".join(self._text).split())
            if line:
                self.lines.append(line)
        self._text = []

    def close(self) -> None:
        super().close()
        self._break()


def text_of(html: str) -> str:
    """The text, at most 4,000 characters of it, and a note of the HTML's size."""
    reader = _Reader()
    try:
        reader.feed(html)
        reader.close()
    except Exception:
        return "[HTML, %d characters]" % len(html)
    text = "\n".join(reader.lines)
    if len(text) > _MAX_CHARACTERS:
        text = "%s… [%d characters more]" % (text[:_MAX_CHARACTERS], len(text) - _MAX_CHARACTERS)
    return text if text else "[HTML, %d characters, without text]" % len(html)


def _aligned(rows: List[List[str]]) -> List[str]:
    columns = max((len(row) for row in rows), default=0)
    widths = [max((len(row[at]) for row in rows if at < len(row)), default=0) for at in range(columns)]
    return ["  ".join(cell.ljust(widths[at]) for at, cell in enumerate(row)).rstrip() for row in rows if row]
