"""The visible content of HTML as plain text: tables with aligned columns, other text line by line, media by their kind."""
from __future__ import annotations

from html.parser import HTMLParser
from typing import Any, Dict, List, Optional

_MAX_CHARACTERS = 4000
_MAX_CELL = 60
_MAX_COLUMNS = 1000
# The content of media elements is for browsers without support.
_SILENT = ("script", "style", "head", "svg", "audio", "video", "object", "canvas", "iframe")
_BREAKS = ("br", "p", "div", "li", "h1", "h2", "h3", "h4", "tr", "table", "caption")
_MEDIA = ("audio", "video", "iframe", "img", "canvas", "object", "embed")


class _Table:
    """Rows of cells, each in the columns that it spans."""

    def __init__(self) -> None:
        self.rows: List[List[str]] = []
        # Cells that span rows below: column → number of further rows.
        self._below: Dict[int, int] = {}

    def begin_row(self) -> None:
        self.rows.append([])
        self._skip()

    def add(self, text: str, columns: int, rows: int) -> None:
        if not self.rows:
            self.begin_row()
        row = self.rows[-1]
        for at in range(columns):
            if rows > 1:
                self._below[len(row)] = rows
            row.append(text if at == 0 else "")
        self._skip()

    def _skip(self) -> None:
        row = self.rows[-1]
        while self._below.get(len(row), 0) > 1:
            self._below[len(row)] -= 1
            row.append("")

    def lines(self) -> List[str]:
        columns = max((len(row) for row in self.rows), default=0)
        widths = [max((len(row[at]) for row in self.rows if at < len(row)), default=0) for at in range(columns)]
        aligned = ("  ".join(cell.ljust(widths[at]) for at, cell in enumerate(row)).rstrip() for row in self.rows)
        return [line for line in aligned if line]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: List[str] = []
        self.media: List[str] = []
        self._text: List[str] = []
        self._silent = 0
        self._table: Optional[_Table] = None
        self._spans = (1, 1)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in _SILENT:
            self._silent += 1
        if tag in _MEDIA:
            source = next((value for name, value in attrs if name == "src" and value and not value.startswith("data:")), "")
            self.media.append("%s %s" % (tag, source[:_MAX_CELL]) if source else tag)
        if tag in _BREAKS:
            self._break()
        if tag == "table":
            self._table = _Table()
        elif tag == "tr" and self._table is not None:
            self._table.begin_row()
        elif tag in ("td", "th"):
            self._text = []
            found = {name: value for name, value in attrs if name in ("colspan", "rowspan")}
            self._spans = _span(found.get("colspan")), _span(found.get("rowspan"))

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in ("td", "th") and self._table is not None:
            self._table.add(" ".join("".join(self._text).split())[:_MAX_CELL], *self._spans)
            self._text = []
        elif tag == "table" and self._table is not None:
            self.lines += self._table.lines()
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
        if self._table is not None:
            self.lines += self._table.lines()


def text_of(html: str) -> str:
    """The text, at most 4,000 characters; HTML without text is named with its size."""
    reader = _Reader()
    try:
        reader.feed(html)
        reader.close()
    except Exception:
        return "[HTML, %d characters: save it in /workspace]" % len(html)
    text = "\n".join(reader.lines)
    if len(text) > _MAX_CHARACTERS:
        text = "%s… [%d characters more]" % (text[:_MAX_CHARACTERS], len(text) - _MAX_CHARACTERS)
    if text and not reader.media:
        return text
    what = " with %s" % ", ".join(reader.media[:5]) if reader.media else " without text"
    note = "[HTML%s, %d characters: save it in /workspace]" % (what, len(html))
    return "%s\n%s" % (text, note) if text else note


def _span(value: Optional[str]) -> int:
    return min(int(value), _MAX_COLUMNS) if value and value.isdigit() and int(value) > 0 else 1
