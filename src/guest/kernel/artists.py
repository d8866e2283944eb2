"""Describes what matplotlib has drawn on axes, one line per artist: kind, name and some of its values."""
from __future__ import annotations

from typing import Any, Callable, Dict, List, Tuple

from .values import counted, number, spread

_MAX_PARTS = 16


def texts(drawn: List[Any]) -> List[str]:
    """Texts that belong to no label or title."""
    found = [text.get_text() for text in drawn if text.get_text()]
    return ["texts: %s" % some(found)] if found else []


def some(parts: List[str]) -> str:
    """The first of many, and how many there are."""
    more = " … %d in all" % len(parts) if len(parts) > _MAX_PARTS else ""
    return ", ".join(parts[:_MAX_PARTS]) + more


def pie(wedges: List[Any]) -> str:
    """Shares in per cent."""
    shares = [abs(wedge.theta2 - wedge.theta1) / 3.6 for wedge in wedges]
    return "pie: %s" % some(["%s%s %%" % (_label(wedge, "%s "), number(share)) for wedge, share in zip(wedges, shares)])


def boxes(axes: Any, drawn: List[Tuple[Dict[str, Any], float]]) -> str:
    """Their statistics."""
    names = {**tick_names(axes.yaxis), **tick_names(axes.xaxis)}
    shown = []
    for box, position in drawn:
        figures = tuple(number(box.get(name)) for name in ("med", "q1", "q3", "whislo", "whishi"))
        fliers = box.get("fliers")
        outliers = 0 if fliers is None else len(fliers)
        name = str(box.get("label") or names.get(position, ""))
        parts = (name, *figures, counted(outliers, "outlier"))
        shown.append("%s median %s, quartiles %s..%s, whiskers %s..%s, %s" % parts)
    return "boxes: %s" % "; ".join(shown[:_MAX_PARTS]) if shown else ""


def tick_names(axis: Any) -> Dict[float, str]:
    """The tick labels of an axis, by their positions."""
    return dict(zip(axis.get_ticklocs(), (text.get_text() for text in axis.get_ticklabels())))


def line(drawn: Any, more: str = "") -> str:
    """A line's points, in two or three coordinates."""
    if hasattr(drawn, "get_data_3d"):
        return _in_space("line%s" % _label(drawn), *drawn.get_data_3d())
    xs, ys = drawn.get_xdata(orig=True), drawn.get_ydata(orig=True)
    xs, ys = (values.to_numpy() if hasattr(values, "to_numpy") else values for values in (xs, ys))
    head = "line%s%s" % (_label(drawn), more)
    return _points(head, min(len(xs), len(ys)), lambda at: (number(xs[at]), number(ys[at])), ys)


def _in_space(head: str, xs: Any, ys: Any, zs: Any) -> str:
    return _points(head, len(zs), lambda at: (number(xs[at]), number(ys[at]), number(zs[at])), zs)


def _points(
    head: str, count: int, point: Callable[[int], Tuple[str, ...]], values: Any, show: Callable[[Any], str] = number
) -> str:
    if not count:
        return ""
    shown = spread(count, lambda at: "(%s)" % ", ".join(point(at)))
    return "%s: %s%s, %s" % (head, counted(count, "point"), _range(values, show) if count > 2 else "", shown)


def _range(values: Any, show: Callable[[Any], str] = number) -> str:
    try:
        import numpy

        array = numpy.asarray(values)
        # As numbers, dates would be counts of seconds, or of another unit.
        array = array if array.dtype.kind in "mM" else array.astype(float)
        return " from %s to %s" % (show(numpy.nanmin(array)), show(numpy.nanmax(array)))
    except (TypeError, ValueError):
        return ""


def bars(container: Any) -> str:
    """Each bar's position and length."""
    patches = container.patches
    if not patches:
        return ""
    sideways = getattr(container, "orientation", None) == "horizontal"
    values = [number(bar.get_width() if sideways else bar.get_height()) for bar in patches]
    axis = patches[0].axes.yaxis if sideways else patches[0].axes.xaxis
    centres = [bar.get_y() + bar.get_height() / 2 if sideways else bar.get_x() + bar.get_width() / 2 for bar in patches]
    show = place(axis)
    # For category names only: date labels omit what neighbouring labels show.
    names = tick_names(axis) if show is number else {}
    places = [names.get(centre) or show(centre) for centre in centres]
    return "bars%s: %s" % (_label(container) or _label(patches[0]), some(["%s: %s" % pair for pair in zip(places, values)]))


def collection(drawn: Any) -> str:
    """A collection of matplotlib: points, areas, segments or meshes."""
    values, offsets, kind = drawn.get_array(), drawn.get_offsets(), type(drawn).__name__
    ranged = values is not None and bool(getattr(values, "size", 0))
    if kind == "Path3DCollection" and hasattr(drawn, "_offsets3d"):
        return _in_space("scatter%s" % _label(drawn), *drawn._offsets3d)
    if kind == "PathCollection":
        x, y = place(drawn.axes.xaxis), place(drawn.axes.yaxis)
        at = lambda index: (x(offsets[index][0]), y(offsets[index][1]))  # noqa: E731
        return _points("scatter%s" % _label(drawn), len(offsets), at, offsets[:, 1], y)
    if "Quiver" in kind or "Barbs" in kind:
        return "%s%s" % (counted(len(offsets), "arrow"), _label(drawn))
    if ranged and len(offsets) > 1:
        return "%d cells%s with%s" % (len(offsets), _label(drawn), array(values).partition("values")[2])
    if ranged:
        return "mesh%s: %s" % (_label(drawn), array(values))
    paths = drawn.get_paths()
    if "Line" in kind:
        return "%s%s" % (counted(len(paths), "line segment"), _label(drawn))
    return _area(drawn, paths)


def _area(drawn: Any, paths: Any) -> str:
    """A filled shape: its extent in both directions."""
    corners = [path.vertices for path in paths if len(path.vertices)]
    if not corners:
        return ""
    spans = []
    for axis, column in ((drawn.axes.xaxis, 0), (drawn.axes.yaxis, 1)):
        show = place(axis)
        ends = [bound(float(bound(part[:, column])) for part in corners) for bound in (min, max)]
        spans.append("%s %s..%s" % (axis.axis_name, show(ends[0]), show(ends[1])))
    count = "%d areas" % len(corners) if len(corners) > 1 else "area"
    return "%s%s: %s" % (count, _label(drawn), ", ".join(spans))


def array(values: Any) -> str:
    """Shape and range."""
    if len(values.shape) > 2 and values.shape[-1] in (3, 4):
        return "%s colours" % " x ".join(str(side) for side in values.shape[:2])
    return "%s values%s" % (" x ".join(str(side) for side in values.shape), _range(values.ravel()))


def _label(artist: Any, form: str = " %r") -> str:
    label = artist.get_label()
    return form % label if isinstance(label, str) and label and not label.startswith("_") else ""


def place(axis: Any) -> Callable[[Any], str]:
    """Returns a formatter for positions on an axis, which shows dates as dates."""
    converter = axis.get_converter() if hasattr(axis, "get_converter") else axis.converter
    kind = type(converter).__name__
    if kind == "PeriodConverter" or kind == "TimeSeriesPlotter" or hasattr(axis, "freq") and axis.freq is not None:
        import pandas

        return lambda value: str(pandas.Period(ordinal=int(value), freq=axis.freq))
    if "Date" in kind:
        from matplotlib.dates import num2date

        return lambda value: number(num2date(value).replace(tzinfo=None))
    return number
