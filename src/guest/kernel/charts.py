"""Describes plotly and Vega-Lite charts, which a browser would draw, in words; draws Vega-Lite's if vl-convert is installed."""
from __future__ import annotations

from typing import Any, Dict, List, Tuple

from .values import counted, number, spread

_PLOTLY = "application/vnd.plotly.v1+json"
_VEGA_LITE = "application/vnd.vegalite."
_MAX_CHARACTERS = 1200
_MAX_PARTS = 6
_ROWS = 3
# plotly's names for the parts of a point, for each kind of trace; the first complete set is used.
_POINTS = (
    ("x", "open", "high", "low", "close"),
    ("labels", "parents", "values"),
    ("labels", "values"),
    ("locations", "z"),
    ("lon", "lat"),
    ("theta", "r"),
    ("x", "base", "y"),
    ("a", "b", "c"),
)
# For other kinds: points in a plane; some have one coordinate only.
_PLANE = (("x", "y"), ("x",), ("y",))
_STYLE = ("marker", "line", "hoverlabel", "legend", "colorbar", "textfont")
# Only a browser needs them.
_FOR_BROWSERS = ("text/html", "application/javascript")


def explain(data: Dict[Any, Any]) -> None:
    """Replaces a chart's JSON by a description, and by a picture if one can be drawn."""
    for name in [name for name in data if isinstance(name, str)]:
        chart = data[name]
        if not isinstance(chart, dict):
            continue
        try:
            if name == _PLOTLY:
                lines = _plotly(chart)
            elif name.startswith(_VEGA_LITE):
                lines = _vega_lite(chart, chart.get("datasets") or {})
                _draw(data, chart)
            else:
                continue
        except Exception:
            # The server names an unusual chart with its size.
            continue
        del data[name]
        for other in _FOR_BROWSERS:
            data.pop(other, None)
        text = "\n".join(lines)
        more = "… [%d characters more]" % (len(text) - _MAX_CHARACTERS) if len(text) > _MAX_CHARACTERS else ""
        data["text/plain"] = text[:_MAX_CHARACTERS] + more
        return


def _plotly(chart: Dict[str, Any]) -> List[str]:
    layout = chart.get("layout") or {}
    names = [
        "%s %r" % (what, title)
        for what, title in (("title", _title(layout)), ("x", _title(layout.get("xaxis"))), ("y", _title(layout.get("yaxis"))))
        if title
    ]
    traces = chart.get("data") or []
    lines = ["<plotly figure of %s> %s" % (counted(len(traces), "trace"), ", ".join(names))]
    for trace in traces[:_MAX_PARTS]:
        label = " %r" % trace["name"] if trace.get("name") else ""
        lines.append("  %s%s: %s" % (trace.get("type", "scatter"), label, _trace(trace)))
    return lines + (["  … and %d more" % (len(traces) - _MAX_PARTS)] if len(traces) > _MAX_PARTS else [])


def _trace(trace: Dict[str, Any]) -> str:
    plane: Tuple[Tuple[str, ...], ...] = ()
    if str(trace.get("type", "")).endswith("3d"):
        plane = (("x", "y", "z"),)
    elif trace.get("z") is None:
        plane = _PLANE
    for names in (*_POINTS, *plane):
        columns = [_array(trace.get(name)) for name in names]
        if all(columns):
            count = min(len(column) for column in columns)
            of = " (%s)" % ", ".join(names) if names not in _PLANE else ""
            shown = spread(count, lambda at: "(%s)" % ", ".join([number(column[at]) for column in columns]))
            return "%s%s, %s" % (counted(count, "point"), of, shown)
    rows = _array(trace.get("z"))
    if rows:
        flat = [each for row in rows for each in (row if isinstance(row, (list, tuple)) else [row]) if each is not None]
        wide = len(rows[0]) if isinstance(rows[0], (list, tuple)) else 1
        sides = [(name, _array(trace.get(name))) for name in ("x", "y")]
        named = ["%s: %s" % (name, spread(len(labels), lambda at: number(labels[at]))) for name, labels in sides if labels]
        ranged = "values from %s to %s" % (number(min(flat)), number(max(flat))) if flat else "no values"
        return ", ".join(["%d x %d %s" % (len(rows), wide, ranged), *named])
    return "; ".join(_fields(trace, ""))


def _fields(of: Dict[str, Any], prefix: str) -> List[str]:
    """The content of a trace of another kind: its lists, and those one level below."""
    found: List[str] = []
    for name, value in of.items():
        values = _array(value)
        if values and not isinstance(values[0], (dict, list)):
            found.append("%s%s: %s, %s" % (prefix, name, counted(len(values), "value"), spread(len(values), lambda at: number(values[at]))))
        elif isinstance(value, dict) and not prefix and name not in _STYLE:
            found += _fields(value, name + ".")
        elif values and isinstance(values[0], dict) and not prefix:
            found += [line for each in values[:_MAX_PARTS] if isinstance(each, dict) for line in _fields(each, name + ".")]
        elif name == "value":
            found.append("%s%s: %s" % (prefix, name, number(value)))
    return found[:_MAX_PARTS] if not prefix else found


def _array(value: Any) -> List[Any]:
    """A list; plotly also writes typed arrays as base64."""
    if isinstance(value, dict) and "bdata" in value:
        import base64

        import numpy

        array = numpy.frombuffer(base64.b64decode(value["bdata"]), dtype=value["dtype"])
        if value.get("shape"):
            array = array.reshape([int(side) for side in str(value["shape"]).split(",")])
        return list(array.tolist())
    return list(value) if hasattr(value, "__iter__") and not isinstance(value, (str, dict)) else []


def _title(of: Any) -> Any:
    title = of.get("title") if isinstance(of, dict) else None
    return title.get("text") if isinstance(title, dict) else title


def _vega_lite(chart: Dict[str, Any], datasets: Dict[str, Any]) -> List[str]:
    mark = chart.get("mark")
    kind = mark.get("type") if isinstance(mark, dict) else mark
    title = _title(chart)
    encoding = chart.get("encoding") or {}
    channels = ["%s: %s" % (channel, _channel(what)) for channel, what in encoding.items() if isinstance(what, dict)]
    parts = [each for name in ("layer", "hconcat", "vconcat", "concat") for each in chart.get(name) or []]
    lines = ["<Vega-Lite %s>%s %s" % (kind or "chart", " title %r" % title if title else "", ", ".join(channels))]
    source = chart.get("data") or {}
    rows = source.get("values") if "values" in source else datasets.get(source.get("name", ""))
    if isinstance(rows, list):
        lines.append("  %s: %s%s" % (counted(len(rows), "row"), ", ".join(map(str, rows[:_ROWS])), " …" if len(rows) > _ROWS else ""))
    for part in parts[:_MAX_PARTS]:
        lines += ["  " + line for line in _vega_lite(part, datasets)]
    return lines


def _channel(what: Dict[str, Any]) -> str:
    field = what.get("field") or what.get("value") or ""
    return "%s(%s)" % (what["aggregate"], field) if isinstance(what.get("aggregate"), str) else str(field)


def _draw(data: Dict[Any, Any], chart: Dict[str, Any]) -> None:
    if "image/png" in data:
        return
    try:
        import vl_convert
    except ImportError:
        return
    data["image/png"] = vl_convert.vegalite_to_png(chart)
