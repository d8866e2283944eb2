"""Describes a matplotlib figure in words, because not every client shows pictures to the model: axes, labels and some data."""
from __future__ import annotations

from typing import Any, Dict, List, Tuple

from . import artists
from .values import counted

_MAX_CHARACTERS = 1200
_MAX_ARTISTS = 8
# The attribute of axes that keeps the statistics of box plots, with the ids of what was drawn for them.
_BOXES = "_omcp_boxes"


def words(figure: Any) -> str:
    """Lines of text; short for a figure whose content cannot be read."""
    # matplotlib's own word, in the singular too.
    head = "<Figure of %d Axes>" % len(figure.axes)
    try:
        lines: List[str] = []
        title = figure.get_suptitle() if hasattr(figure, "get_suptitle") else ""
        if title:
            lines.append("title %r" % title)
        for index, axes in enumerate(figure.axes, 1):
            lines += _axes(index, axes)
        lines += artists.texts([text for text in figure.texts if text.get_text() != title])
        text = "\n".join(lines)
    except Exception:
        return head
    if len(text) > _MAX_CHARACTERS:
        text = "%s… [%d characters more]" % (text[:_MAX_CHARACTERS], len(text) - _MAX_CHARACTERS)
    return "%s\n%s" % (head, text) if text else head


def note_boxes() -> None:
    """Makes axes keep the statistics of box plots, which are drawn as unnamed lines."""
    from matplotlib.axes import Axes

    draw = Axes.bxp
    if getattr(draw, _BOXES, False):
        return

    def bxp(self: Any, bxpstats: Any, *rest: Any, **options: Any) -> Any:
        drawn = draw(self, bxpstats, *rest, **options)
        ids = {id(artist) for group in drawn.values() for artist in group}
        places = options.get("positions")
        named = zip(bxpstats, range(1, len(bxpstats) + 1) if places is None else places)
        self.__dict__.setdefault(_BOXES, []).append((list(named), ids))
        return drawn

    bxp.__doc__, bxp.__wrapped__ = draw.__doc__, draw  # type: ignore[attr-defined]
    setattr(bxp, _BOXES, True)
    Axes.bxp = bxp


def _axes(index: int, axes: Any) -> List[str]:
    title = axes.get_title() or axes.get_title(loc="left")
    parts = ["axes %d" % index] + (["%r" % title] if title else [])
    wedges = [patch for patch in axes.patches if type(patch).__name__ == "Wedge"]
    # They mean nothing in a pie chart.
    if not wedges:
        parts += [_axis(axes, name) for name in ("x", "y", "z") if hasattr(axes, name + "axis")]
    boxes: List[Tuple[List[Tuple[Dict[str, Any], float]], Any]] = getattr(axes, _BOXES, [])
    drawn = [artists.boxes(axes, [box for stats, _ in boxes for box in stats])]
    # The parts of box plots and error bars are described with them.
    seen = {artist for _, of_boxes in boxes for artist in of_boxes}
    for container in axes.containers:
        if type(container).__name__ == "ErrorbarContainer":
            line, caps, bars = container.lines
            seen |= {id(artist) for artist in [*caps, *bars]}
            drawn += [artists.line(line, " with error bars")] if line is not None else []
            seen.add(id(line))
        elif type(container).__name__ == "BarContainer":
            drawn.append(artists.bars(container))
            seen |= {id(patch) for patch in container.patches}
    drawn += [artists.line(line) for line in axes.lines if id(line) not in seen]
    drawn += [artists.collection(each) for each in axes.collections if id(each) not in seen]
    drawn += ["image: %s" % artists.array(image.get_array()) for image in axes.images]
    drawn += ["table of %s" % counted(len(table.get_celld()), "cell") for table in axes.tables]
    others = [patch for patch in axes.patches if id(patch) not in seen and patch not in wedges]
    drawn += [artists.pie(wedges)] if wedges else artists.texts(axes.texts)
    drawn += [counted(len(others), "other shape")] if others else []
    drawn = [each for each in drawn if each]
    legend = axes.get_legend()
    names = [text.get_text() for text in legend.get_texts()] if legend is not None else []
    if any(repr(name) not in " ".join(drawn) for name in names):
        drawn.insert(0, "legend: %s" % artists.some(names))
    more = ["  … and %d more" % (len(drawn) - _MAX_ARTISTS)] if len(drawn) > _MAX_ARTISTS else []
    return [", ".join(parts)] + ["  " + each for each in drawn[:_MAX_ARTISTS]] + more


def _axis(axes: Any, name: str) -> str:
    axis = getattr(axes, name + "axis")
    limits = getattr(axes, "get_%slim" % name)()
    label = axis.get_label().get_text()
    ends = "%s..%s" % tuple(artists.place(axis)(limit) for limit in limits)
    ticks = ""
    if type(axis.get_major_formatter()).__name__ in ("FixedFormatter", "StrCategoryFormatter", "FuncFormatter"):
        shown = [text for text in artists.tick_names(axis).values() if text]
        ticks = " (%s)" % artists.some(shown) if shown else ""
    return "%s %s%s%s" % (name, "%r " % label if label else "", ends, ticks)
