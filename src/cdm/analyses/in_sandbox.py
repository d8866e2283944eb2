"""Makes a DataFrame of an analysis' numbers, and draws its chart.

Runs as a silent execution: `user_ns` is the user's namespace, `display` shows a MIME bundle, `REQUEST` is the request: JSON,
compressed, in base64 (see in_sandbox.ts). matplotlib is used without pyplot, so that the user's figures and settings stay as they are.
"""

import base64
import io
import json
import zlib

import pandas

MIME = "application/vnd.omcp.analysis+json"
INCHES = (8, 5)
DPI = 100
#: Characters of a label; concepts have long names.
LABEL_CHARACTERS = 45
#: Labels along the horizontal axis; more would cover each other.
MOST_TICKS = 24


def short(label):
    """A label that leaves room for the drawing."""
    text = str(label)
    return text if len(text) <= LABEL_CHARACTERS else text[: LABEL_CHARACTERS - 1] + "…"


def numbers(values):
    """Numbers for matplotlib: missing ones are gaps."""
    return [float("nan") if value is None else value for value in values]


def steps(axes, chart):
    """Curves that fall on their days."""
    for series in chart["series"]:
        (line,) = axes.step(series["x"], numbers(series["y"]), where="post", label=short(series["name"]))
        axes.fill_between(
            series["x"],
            numbers(series["lower"]),
            numbers(series["upper"]),
            step="post",
            alpha=0.15,
            color=line.get_color(),
            linewidth=0,
        )
    axes.set_ylim(0, 1.02)
    axes.set_xlim(left=0)


def points(axes, chart):
    """Points with their limits, beside each other where series share a label."""
    labels = list(dict.fromkeys(str(label) for series in chart["series"] for label in series["x"]))
    places = {label: place for place, label in enumerate(labels)}
    width = 0.5 / max(1, len(chart["series"]))
    for at, series in enumerate(chart["series"]):
        y = numbers(series["y"])
        # A limit may be a rounding error on the wrong side of its point.
        lower = [max(0.0, value - low) for value, low in zip(y, numbers(series["lower"]))]
        upper = [max(0.0, high - value) for value, high in zip(y, numbers(series["upper"]))]
        x = [places[str(label)] + (at - (len(chart["series"]) - 1) / 2) * width for label in series["x"]]
        axes.errorbar(x, y, yerr=[lower, upper], fmt="o", markersize=4, capsize=2, label=short(series["name"]))
    every = max(1, -(-len(labels) // MOST_TICKS))
    axes.set_xticks(range(0, len(labels), every))
    axes.set_xticklabels([short(label) for label in labels[::every]], rotation=45, ha="right")
    axes.set_ylim(bottom=0)


def bars(axes, chart):
    """Horizontal bars, the first on top; series that share labels are beside each other, others below each other."""
    sets = [tuple(str(label) for label in series["x"]) for series in chart["series"]]
    shared = len(set(sets)) == 1
    labels, start = [], 0
    height = 0.8 / (len(sets) if shared else 1)
    for at, (series, own) in enumerate(zip(chart["series"], sets)):
        if shared:
            places = [place + (at - (len(sets) - 1) / 2) * height for place in range(len(own))]
            labels = list(own)
        else:
            places = [start + place for place in range(len(own))]
            labels.extend(own)
            start += len(own)
        axes.barh(places, numbers(series["y"]), height=height, label=short(series["name"]))
    axes.set_yticks(range(len(labels)))
    axes.set_yticklabels([short(label) for label in labels], fontsize=7 if len(labels) > 15 else 9)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)


def draw(chart):
    """The chart as PNG, in base64."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=INCHES, dpi=DPI, layout="tight")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    {"steps": steps, "points": points, "bars": bars}[chart["kind"]](axes, chart)
    axes.set(title=chart["title"], xlabel=chart["x"], ylabel=chart["y"])
    if len(chart["series"]) > 1:
        axes.legend(fontsize=8)
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return base64.b64encode(png.getvalue()).decode("ascii")


def run(request):
    """Leaves the DataFrame and shows the chart; returns what happened."""
    frame = pandas.DataFrame(request["rows"], columns=request["columns"])
    frame.attrs.update(analysis=request["analysis"], understood=request["understood"])
    user_ns[request["into"]] = frame
    if request["chart"] is None:
        return {"rows": len(frame), "chart": "none"}
    try:
        png = draw(request["chart"])
    except Exception as error:  # whatever an image's matplotlib does, the numbers are there
        return {"rows": len(frame), "chart": "failed", "problem": f"{type(error).__name__}: {error}"[:300]}
    display({"image/png": png})
    return {"rows": len(frame), "chart": "drawn"}


display({MIME: run(json.loads(zlib.decompress(base64.b64decode(REQUEST))))})
