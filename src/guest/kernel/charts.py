"""Charts that a browser would draw, plotly's and Vega-Lite's, in words; Vega-Lite's as a picture too, where vl-convert is installed."""
from __future__ import annotations

from typing import Any, Dict, List

from .values import number, spread

_PLOTLY = "application/vnd.plotly.v1+json"
_VEGA_LITE = "application/vnd.vegalite."
_MAX_CHARACTERS = 1200
_MAX_PARTS = 6
_ROWS = 3
# What plotly calls the two of a point: of pies, maps, polar charts and the rest.
_PAIRS = (("labels", "values"), ("locations", "z"), ("lon", "lat"), ("theta", "r"), ("x", "y"), ("a", "b"))
# Of use to a browser only.
_FOR_BROWSERS = ("text/html", "application/javascript")


def explain(data: Dict[Any, Any]) -> None:
    """Puts words, and a picture where one can be made, in the place of a chart's JSON."""
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
            # An unusual chart is named with its size by the server.
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
    lines = ["<plotly figure of %d traces> %s" % (len(traces), ", ".join(names))]
    for trace in traces[:_MAX_PARTS]:
        label = " %r" % trace["name"] if trace.get("name") else ""
        lines.append("  %s%s: %s" % (trace.get("type", "scatter"), label, _trace(trace)))
    return lines + (["  … and %d more" % (len(traces) - _MAX_PARTS)] if len(traces) > _MAX_PARTS else [])


def _trace(trace: Dict[str, Any]) -> str:
    first, second = next((pair for pair in _PAIRS if all(trace.get(name) is not None for name in pair)), ("x", "y"))
    if trace.get("z") is not None and second != "z":
        rows = _array(trace["z"])
        flat = [each for row in rows for each in (row if isinstance(row, (list, tuple)) else [row]) if each is not None]
        if not flat:
            return "no values"
        return "%d rows, values from %s to %s" % (len(rows), number(min(flat)), number(max(flat)))
    xs, ys = _array(trace.get(first)), _array(trace.get(second))
    if xs and ys:
        count = min(len(xs), len(ys))
        return "%d points, %s" % (count, spread(count, lambda at: "(%s, %s)" % (number(xs[at]), number(ys[at]))))
    values = xs or ys
    return "%d values, %s" % (len(values), spread(len(values), lambda at: number(values[at])))


def _array(value: Any) -> List[Any]:
    """A list; plotly also writes typed arrays as base64."""
    if isinstance(value, dict) and "bdata" in value:
        import base64

        import numpy

        array = numpy.frombuffer(base64.b64decode(value["bdata"]), dtype=value["dtype"])
        if value.get("shape"):
            array = array.reshape([int(side) for side in str(value["shape"]).split(",")])
        return list(array.tolist())
    return list(value) if value is not None and not isinstance(value, (str, dict)) else []


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
        lines.append("  %d rows: %s%s" % (len(rows), ", ".join(map(str, rows[:_ROWS])), " …" if len(rows) > _ROWS else ""))
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
