"""Matplotlib figures as pictures and words: a backend that shows a figure by sending it, with caps on size and number.

This module is matplotlib's backend too ("module://omcp_kernel.figures"), so that plt.show() works.
"""
from __future__ import annotations

import io
import logging
import math
import sys
import warnings
from typing import Any, Callable, Dict, List, Optional, Tuple

from . import figure_words, fonts, pictures

MAX_FIGURES = 20
BACKEND = "module://omcp_kernel.figures"

Publish = Callable[[Dict[str, Any]], None]


class Figures:
    """Tracks the figures that an execution has shown."""

    def __init__(self) -> None:
        self.publish: Optional[Publish] = None
        self.skipped = 0
        self.scale = 1.0
        self._drawn = 0
        self._shown: List[Any] = []

    def begin_cell(self) -> None:
        self.skipped = 0
        self._drawn = 0
        self._shown = []
        fonts.once.begin_cell()

    def render(self, figure: Any) -> Optional[Dict[str, Any]]:
        """The bundle of a figure; None if it is empty, or when the cell has drawn the maximum."""
        if is_empty(figure):
            return None
        if self._drawn >= MAX_FIGURES:
            self.skipped += 1
            return None
        self._drawn += 1
        bundle = draw(figure, self.scale)
        figure.stale = False
        self._shown.append(figure)
        return bundle

    def show_all(self) -> None:
        """Sends every open figure that has changed since it was sent, and closes them all."""
        helpers = sys.modules.get("matplotlib._pylab_helpers")
        pyplot = sys.modules.get("matplotlib.pyplot")
        if helpers is None or pyplot is None or not helpers.Gcf.figs:
            return
        try:
            for manager in helpers.Gcf.get_all_fig_managers():
                figure = manager.canvas.figure
                if figure.stale or not any(figure is shown for shown in self._shown):
                    self.show(figure)
        finally:
            pyplot.close("all")
            self._shown = []

    def show(self, figure: Any) -> None:
        bundle = self.render(figure)
        if bundle is not None and self.publish is not None:
            self.publish(bundle)

    def note(self) -> Optional[str]:
        """A note about figures that were not drawn."""
        if not self.skipped:
            return None
        return "%d more figures were not drawn: a cell shows at most %d" % (self.skipped, MAX_FIGURES)


figures = Figures()


def is_empty(figure: Any) -> bool:
    """Whether nothing was ever drawn in it, as in the new figure that plt.savefig() makes after plt.show()."""
    drawn = [child for child in figure.get_children() if child is not figure.patch]
    return not drawn


def draw(figure: Any, scale: float = 1.0) -> Dict[str, Any]:
    """A picture of a figure and its description. A large figure is drawn at fewer dots per inch, which the text states."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas, own_dpi = figure.canvas, figure.dpi
    dpi = float(own_dpi) * scale
    if not isinstance(canvas, FigureCanvasAgg):
        FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    width, height = (float(side) for side in figure.get_size_inches())
    try:
        # Before the figure is measured: measuring already allocates a picture of its full size.
        figure.dpi = _fitting(dpi, width, height)
        size = _tight_size(figure)
        options: Dict[str, Any] = {} if size is None else {"bbox_inches": "tight"}
        width, height = size or (width, height)
        fitting = _fitting(figure.dpi, width, height)
        figure.savefig(buffer, format="png", dpi=fitting, facecolor=figure.get_facecolor(), **options)
    finally:
        figure.dpi = own_dpi
        figure.set_canvas(canvas)
    text = figure_words.words(figure)
    if fitting < dpi:
        text += " [drawn at %d x %d pixels instead of %d x %d: at most %d a side]" % (
            *(int(width * fitting), int(height * fitting)),
            *(int(width * dpi), int(height * dpi)),
            pictures.MAX_SIDE,
        )
    return {"image/png": buffer.getvalue(), "text/plain": text}


def _fitting(dpi: float, width: float, height: float) -> float:
    """Dots per inch at which no side of a picture of this size, in inches, has too many pixels."""
    return max(min(dpi, (pictures.MAX_SIDE - 1) / max(width, height, 1e-9)), 0.01)


def _tight_size(figure: Any) -> Optional[Tuple[float, float]]:
    """Size of the figure with all its labels, in inches; None if that is not sensible, as with an artist far outside."""
    try:
        with warnings.catch_warnings():
            # The drawing itself repeats them.
            warnings.simplefilter("ignore")
            box = figure.get_tightbbox(figure.canvas.get_renderer())
        width, height = float(box.width) + 0.2, float(box.height) + 0.2
    except Exception:
        return None
    plain = figure.get_size_inches()
    sensible = math.isfinite(width) and math.isfinite(height) and width > 0 and height > 0
    return (width, height) if sensible and width <= 3 * plain[0] and height <= 3 * plain[1] else None


def use_backend() -> bool:
    """Makes this module matplotlib's backend when pyplot is loaded."""
    if "matplotlib.pyplot" not in sys.modules:
        return False
    sys.modules["matplotlib.pyplot"].switch_backend(BACKEND)
    return True


# -- matplotlib requires the names below of a backend. --


def __getattr__(name: str) -> Any:
    # Defined on demand: this module must also load without matplotlib.
    if name in ("FigureCanvas", "FigureManager"):
        from matplotlib.backend_bases import FigureManagerBase
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        class FigureManager(FigureManagerBase):
            """Shows a figure by sending it."""

            def show(self) -> None:
                figures.show(self.canvas.figure)

            @classmethod
            def pyplot_show(cls, *, block: Any = None) -> None:
                figures.show_all()

        class FigureCanvas(FigureCanvasAgg):
            """Agg, with our manager."""

            manager_class = FigureManager

        fonts.add_cjk_fallback()
        logging.getLogger("matplotlib.font_manager").addFilter(fonts.once)
        figure_words.note_boxes()
        globals()["FigureManager"] = FigureManager
        globals()["FigureCanvas"] = FigureCanvas
        return globals()[name]
    raise AttributeError(name)


def show(*_arguments: Any, **_options: Any) -> None:
    figures.show_all()
