"""A matplotlib figure in words, because not every client shows pictures to the model: axes, labels and the data, bounded."""
from __future__ import annotations

from typing import Any, Callable, Dict, List, Tuple

from .values import number, spread

_MAX_CHARACTERS = 1200
_MAX_ARTISTS = 6
_MAX_PARTS = 16
# Where statistics of box plots are kept on axes, with the ids of what was drawn for them.
_BOXES = "_omcp_boxes"


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
        lines += _texts([text for text in figure.texts if text.get_text() != title])
        text = "\n".join(lines)
    except Exception:
        return head
    if len(text) > _MAX_CHARACTERS:
        text = "%s… [%d characters more]" % (text[:_MAX_CHARACTERS], len(text) - _MAX_CHARACTERS)
    return "%s\n%s" % (head, text) if text else head


def note_boxes() -> None:
    """Has axes remember the statistics of box plots: of what is drawn, only unnamed lines are left."""
    from matplotlib.axes import Axes

    draw = Axes.bxp
    if getattr(draw, _BOXES, False):
        return

    def bxp(self: Any, bxpstats: Any, *rest: Any, **options: Any) -> Any:
        drawn = draw(self, bxpstats, *rest, **options)
        artists = {id(artist) for group in drawn.values() for artist in group}
        places = options.get("positions")
        named = zip(bxpstats, range(1, len(bxpstats) + 1) if places is None else places)
        self.__dict__.setdefault(_BOXES, []).append((list(named), artists))
        return drawn

    bxp.__doc__, bxp.__wrapped__ = draw.__doc__, draw  # type: ignore[attr-defined]
    setattr(bxp, _BOXES, True)
    Axes.bxp = bxp


def _axes(index: int, axes: Any) -> List[str]:
    title = axes.get_title() or axes.get_title(loc="left")
    parts = ["axes %d" % index] + (["%r" % title] if title else [])
    wedges = [patch for patch in axes.patches if type(patch).__name__ == "Wedge"]
    # Of a pie they say nothing.
    if not wedges:
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            label = axis.get_label().get_text()
            ends = "%s..%s" % tuple(place(axis)(limit) for limit in limits)
            parts.append("%s %s%s" % (axis.axis_name, "%r " % label if label else "", ends))
    boxes: List[Tuple[List[Tuple[Dict[str, Any], float]], Any]] = getattr(axes, _BOXES, [])
    of_boxes = {artist for _, artists in boxes for artist in artists}
    drawn = [_boxes(axes, [box for stats, _ in boxes for box in stats])]
    drawn += [_line(line) for line in axes.lines if id(line) not in of_boxes]
    drawn += [_bars(container) for container in axes.containers if type(container).__name__ == "BarContainer"]
    drawn += [_collection(collection) for collection in axes.collections]
    drawn += ["image: %s" % _array(image.get_array()) for image in axes.images]
    drawn += [_pie(wedges)] if wedges else _texts(axes.texts)
    drawn = [each for each in drawn if each]
    more = ["  … and %d more" % (len(drawn) - _MAX_ARTISTS)] if len(drawn) > _MAX_ARTISTS else []
    return [", ".join(parts)] + ["  " + each for each in drawn[:_MAX_ARTISTS]] + more


def _texts(texts: List[Any]) -> List[str]:
    found = [text.get_text() for text in texts if text.get_text()]
    return ["texts: %s" % _some(found)] if found else []


def _some(parts: List[str]) -> str:
    more = " … %d in all" % len(parts) if len(parts) > _MAX_PARTS else ""
    return ", ".join(parts[:_MAX_PARTS]) + more


def _pie(wedges: List[Any]) -> str:
    shares = [abs(wedge.theta2 - wedge.theta1) / 3.6 for wedge in wedges]
    return "pie: %s" % _some(["%s%s %%" % (_label(wedge, "%s "), number(share)) for wedge, share in zip(wedges, shares)])


def _boxes(axes: Any, boxes: List[Tuple[Dict[str, Any], float]]) -> str:
    names = {**_tick_names(axes.yaxis), **_tick_names(axes.xaxis)}
    shown = []
    for box, position in boxes:
        figures = tuple(number(box.get(name)) for name in ("med", "q1", "q3", "whislo", "whishi"))
        fliers = box.get("fliers")
        outliers = 0 if fliers is None else len(fliers)
        name = str(box.get("label") or names.get(position, ""))
        shown.append("%s median %s, quartiles %s..%s, whiskers %s..%s, %d outliers" % (name, *figures, outliers))
    return "boxes: %s" % "; ".join(shown[:_MAX_PARTS]) if shown else ""


def _tick_names(axis: Any) -> Dict[float, str]:
    return dict(zip(axis.get_ticklocs(), (text.get_text() for text in axis.get_ticklabels())))


def _line(line: Any) -> str:
    xs, ys = line.get_xdata(orig=True), line.get_ydata(orig=True)
    xs, ys = (values.to_numpy() if hasattr(values, "to_numpy") else values for values in (xs, ys))
    return _points("line%s" % _label(line), min(len(xs), len(ys)), lambda at: (number(xs[at]), number(ys[at])), ys)


def _points(head: str, count: int, point: Callable[[int], Tuple[str, str]], values: Any) -> str:
    if not count:
        return ""
    shown = spread(count, lambda at: "(%s, %s)" % point(at))
    return "%s: %d points%s, %s" % (head, count, _range(values) if count > 2 else "", shown)


def _range(values: Any) -> str:
    try:
        import numpy

        array = numpy.asarray(values, dtype=float)
        return " from %s to %s" % (number(numpy.nanmin(array)), number(numpy.nanmax(array)))
    except (TypeError, ValueError):
        return ""


def _bars(container: Any) -> str:
    bars = container.patches
    if not bars:
        return ""
    sideways = getattr(container, "orientation", None) == "horizontal"
    values = [number(bar.get_width() if sideways else bar.get_height()) for bar in bars]
    axis = bars[0].axes.yaxis if sideways else bars[0].axes.xaxis
    centres = [bar.get_y() + bar.get_height() / 2 if sideways else bar.get_x() + bar.get_width() / 2 for bar in bars]
    show = place(axis)
    # The names of categories; the labels of dates leave out what others say.
    names = _tick_names(axis) if show is number else {}
    places = [names.get(centre) or show(centre) for centre in centres]
    return "bars%s: %s" % (_label(container), _some(["%s: %s" % pair for pair in zip(places, values)]))


def _collection(collection: Any) -> str:
    array = collection.get_array()
    offsets = collection.get_offsets()
    if array is not None and getattr(array, "size", 0) and len(offsets) <= 1:
        return "mesh: %s" % _array(array)
    if len(offsets) > 1:
        x, y = place(collection.axes.xaxis), place(collection.axes.yaxis)
        at = lambda index: (x(offsets[index][0]), y(offsets[index][1]))  # noqa: E731
        return _points("scatter%s" % _label(collection), len(offsets), at, offsets[:, 1])
    return "area%s" % _label(collection) if _label(collection) else ""


def _array(array: Any) -> str:
    if len(array.shape) > 2 and array.shape[-1] in (3, 4):
        return "%s colours" % " x ".join(str(side) for side in array.shape[:2])
    return "%s values%s" % (" x ".join(str(side) for side in array.shape), _range(array.ravel()))


def _label(artist: Any, form: str = " %r") -> str:
    label = artist.get_label()
    return form % label if isinstance(label, str) and label and not label.startswith("_") else ""


def place(axis: Any) -> Callable[[Any], str]:
    """How to write a position on an axis: as a date where it is one."""
    converter = axis.get_converter() if hasattr(axis, "get_converter") else axis.converter
    kind = type(converter).__name__
    if kind == "PeriodConverter" or kind == "TimeSeriesPlotter" or hasattr(axis, "freq") and axis.freq is not None:
        import pandas

        return lambda value: str(pandas.Period(ordinal=int(value), freq=axis.freq))
    if "Date" in kind:
        from matplotlib.dates import num2date

        return lambda value: number(num2date(value).replace(tzinfo=None))
    return number
