"""A matplotlib figure in words, because not every client shows pictures to the model: axes, labels and the data, bounded."""
from __future__ import annotations

from typing import Any, List

_MAX_CHARACTERS = 900
_MAX_ARTISTS = 6
_MAX_BARS = 16
_ENDS = 2


def words(figure: Any) -> str:
    """Lines of text; short where the figure is of a kind that cannot be read."""
    head = "<Figure of %d axes>" % len(figure.axes)
    try:
        lines: List[str] = []
        title = figure.get_suptitle() if hasattr(figure, "get_suptitle") else ""
        if title:
            lines.append("title %r" % title)
        for index, axes in enumerate(figure.axes, 1):
            lines += _axes(index, axes)
        text = "\n".join(lines)
    except Exception:
        return head
    if len(text) > _MAX_CHARACTERS:
        text = "%s… [%d characters more]" % (text[:_MAX_CHARACTERS], len(text) - _MAX_CHARACTERS)
    return "%s\n%s" % (head, text) if text else head


def _axes(index: int, axes: Any) -> List[str]:
    title = axes.get_title() or axes.get_title(loc="left")
    parts = ["axes %d" % index] + (["%r" % title] if title else [])
    for name, label, limits in (
        ("x", axes.get_xlabel(), axes.get_xlim()),
        ("y", axes.get_ylabel(), axes.get_ylim()),
    ):
        parts.append("%s %s%s..%s" % (name, "%r " % label if label else "", number(limits[0]), number(limits[1])))
    drawn = [_line(line) for line in axes.lines]
    drawn += [_bars(container) for container in axes.containers if hasattr(container, "patches")]
    drawn += [_collection(collection) for collection in axes.collections]
    drawn += ["image: %s" % _array(image.get_array()) for image in axes.images]
    pie = [text.get_text() for text in axes.texts if text.get_text()]
    if pie:
        drawn.append("texts: %s" % ", ".join(pie[:_MAX_BARS]) + (" …" if len(pie) > _MAX_BARS else ""))
    drawn = [each for each in drawn if each]
    more = ["  … and %d more" % (len(drawn) - _MAX_ARTISTS)] if len(drawn) > _MAX_ARTISTS else []
    return [", ".join(parts)] + ["  " + each for each in drawn[:_MAX_ARTISTS]] + more


def _line(line: Any) -> str:
    xs, ys = list(line.get_xdata()), list(line.get_ydata())
    points = ["(%s, %s)" % (number(x), number(y)) for x, y in zip(xs, ys)]
    return "line%s: %d points, %s" % (_label(line), len(points), ends(points)) if points else ""


def _bars(container: Any) -> str:
    bars = container.patches
    if not bars:
        return ""
    sideways = getattr(container, "orientation", None) == "horizontal"
    values = [number(bar.get_width() if sideways else bar.get_height()) for bar in bars]
    places = [number(bar.get_y() + bar.get_height() / 2 if sideways else bar.get_x() + bar.get_width() / 2) for bar in bars]
    axis = bars[0].axes.yaxis if sideways else bars[0].axes.xaxis
    names = [text.get_text() for text in axis.get_ticklabels()]
    if len(names) == len(bars) and all(names):
        places = names
    shown = ["%s: %s" % pair for pair in zip(places, values)]
    return "bars%s: %s%s" % (_label(container), ", ".join(shown[:_MAX_BARS]), " … %d bars" % len(shown) if len(shown) > _MAX_BARS else "")


def _collection(collection: Any) -> str:
    array = collection.get_array()
    offsets = collection.get_offsets()
    if array is not None and getattr(array, "size", 0) and len(offsets) <= 1:
        return "mesh: %s" % _array(array)
    points = ["(%s, %s)" % (number(x), number(y)) for x, y in offsets]
    if len(points) > 1:
        return "scatter%s: %d points, %s" % (_label(collection), len(points), ends(points))
    return "area%s" % _label(collection) if _label(collection) else ""


def _array(array: Any) -> str:
    if len(array.shape) > 2 and array.shape[-1] in (3, 4):
        return "%s colours" % " x ".join(str(side) for side in array.shape[:2])
    return "%s values from %s to %s" % (" x ".join(str(side) for side in array.shape), number(array.min()), number(array.max()))


def _label(artist: Any) -> str:
    label = artist.get_label()
    return " %r" % label if isinstance(label, str) and label and not label.startswith("_") else ""


def ends(points: List[str]) -> str:
    """The first, the middle and the last of many."""
    if len(points) <= 2 * _ENDS + 1:
        return " ".join(points)
    middle = points[len(points) // 2]
    return "%s … %s … %s" % (" ".join(points[:_ENDS]), middle, " ".join(points[-_ENDS:]))


def number(value: Any) -> str:
    """A value in few characters."""
    try:
        return "%.4g" % value
    except (TypeError, ValueError):
        return str(value)[:32]
