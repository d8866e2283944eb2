"""How a kernel shows figures and DataFrames; a cell's configuration cannot lift our caps."""
from __future__ import annotations

from typing import Any, Dict

from IPython.core import pylabtools
from IPython.core.magics import execution
from IPython.utils import capture

from . import figures

_rendered: Dict[str, Any] = {}
_MAX_DTYPES = 300
_ALTAIR_VERSIONS = ("v5", "v6")


def _figure_text(figure: Any, printer: Any, _cycle: bool) -> None:
    # IPython asks for the text first: the figure is drawn here, and the other formats use that drawing.
    _rendered.clear()
    bundle = figures.figures.render(figure)
    _rendered.update(bundle or {})
    printer.text(_rendered.pop("text/plain", _not_drawn(figure)))


def _not_drawn(figure: Any) -> str:
    return "<Figure without axes>" if figures.is_empty(figure) else "<Figure, not drawn: a cell shows at most %d>" % figures.MAX_FIGURES


def _figure_png(_figure: Any) -> Any:
    return _rendered.pop("image/png", None)


def _frame_text(frame: Any, printer: Any, _cycle: bool) -> None:
    text = repr(frame)
    if not len(frame.columns):
        printer.text(text)
    else:
        # Our own footer has it too.
        footer = "\n\n[%d rows x %d columns]" % frame.shape
        text = text[: -len(footer)] if text.endswith(footer) else text
        dtypes = ", ".join("%s %s" % (name, dtype) for name, dtype in zip(frame.columns, frame.dtypes))
        if len(dtypes) > _MAX_DTYPES:
            dtypes = "%s… (%d columns)" % (dtypes[:_MAX_DTYPES], len(frame.columns))
        printer.text("%s\n[%d rows x %d columns; dtypes: %s]" % (text, *frame.shape, dtypes))


def _altair_chart(chart: Any) -> Dict[str, Any]:
    """The chart's specification: altair's default is a page that loads scripts over the network."""
    return {"application/vnd.vegalite.v6+json": chart.to_dict(), "text/plain": "<altair chart>"}


def select_formats(_shell: Any, formats: Any, **_options: Any) -> None:
    """Replaces IPython's own, which would draw figures without our caps.

    Whatever the format, clients get a picture that they can show.
    """
    figures.figures.scale = 2.0 if {"retina", "png2x"} & {*([formats] if isinstance(formats, str) else formats)} else 1.0


class _Capture(capture.capture_output):
    """As in Jupyter: captures figures that are open at the end of a capture."""

    def __exit__(self, *rest: Any) -> None:
        if self.display and rest[0] is None:
            figures.figures.show_all()
        super().__exit__(*rest)


def register(shell: Any) -> None:
    """Installs these representations in a shell."""
    formatters = shell.display_formatter.formatters
    formatters["image/png"].for_type_by_name("matplotlib.figure", "Figure", _figure_png)
    formatters["text/plain"].for_type_by_name("matplotlib.figure", "Figure", _figure_text)
    formatters["text/plain"].for_type_by_name("pandas.core.frame", "DataFrame", _frame_text)
    for version in _ALTAIR_VERSIONS:
        module = "altair.vegalite.%s.api" % version
        shell.display_formatter.mimebundle_formatter.for_type_by_name(module, "TopLevelMixin", _altair_chart)
    pylabtools.select_figure_formats = select_formats
    # Also for modules that have imported the class by name.
    for module in (capture, execution):
        module.capture_output = _Capture
