"""An IPython shell without a terminal and without zmq: results, displays and errors become messages."""
from __future__ import annotations

import asyncio
import os
import sys
import warnings
from contextlib import nullcontext
from typing import Any, Callable, Dict, Optional

from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Bool, Dict as DictTrait, Type, Unicode, observe
from traitlets.config import Config, Configurable

from . import display, figures, streams, tracebacks

Send = Callable[[Dict[str, Any]], None]


class _Outlet:
    """Where messages go; set by the kernel after the fork."""

    def __init__(self) -> None:
        self.send: Optional[Send] = None
        self.errors = 0

    def put(self, message: Dict[str, Any]) -> None:
        if self.send is not None and not streams.is_late():
            self.send(message)


outlet = _Outlet()


def publish(data: Any, metadata: Any = None) -> None:
    """Sends a MIME bundle as display data."""
    kept, told = display.bundle(data, metadata)
    if kept:
        outlet.put({"type": "display", "data": kept, "metadata": told})


def report(error: BaseException) -> None:
    """Sends an exception."""
    outlet.errors += 1
    name, value, text = tracebacks.describe(error)
    outlet.put({"type": "error", "name": name, "value": value, "traceback": text})


class Publisher(DisplayPublisher):
    """IPython's display() ends here."""

    def publish(self, data: Any, metadata: Any = None, *_rest: Any, **_options: Any) -> None:
        publish(data, metadata)

    def clear_output(self, wait: bool = False) -> None:
        pass


class ResultHook(DisplayHook):
    """The value of a cell's last expression ends here."""

    def start_displayhook(self) -> None:
        self._is_active = True

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: Dict[str, Any], md_dict: Any = None) -> None:
        kept, told = display.bundle(format_dict, md_dict)
        if kept:
            outlet.put({"type": "result", "data": kept, "metadata": told})

    def log_output(self, format_dict: Dict[str, Any]) -> None:
        # IPython would keep every bundle for ever.
        pass

    def finish_displayhook(self) -> None:
        self._is_active = False


class Compiler(CachingCompiler):
    """Names a cell's code so that a traceback reads well."""

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        return "Cell In[%d]" % number


class InlineBackend(Configurable):
    """Takes what notebooks say by `%config InlineBackend.…`."""

    figure_format = Unicode("png").tag(config=True)
    rc = DictTrait().tag(config=True)
    close_figures = Bool(True).tag(config=True)
    print_figure_kwargs = DictTrait().tag(config=True)

    @observe("figure_format")
    def _format_changed(self, change: Any) -> None:
        figures.figures.format = "svg" if change["new"] == "svg" else "png"
        figures.figures.scale = 2.0 if change["new"] in ("retina", "png2x") else 1.0


class Shell(InteractiveShell):
    """State between cells, magics and top-level await."""

    displayhook_class = Type(ResultHook)
    display_pub_class = Type(Publisher)
    compiler_class = Type(Compiler)

    def __init__(self, **options: Any) -> None:
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._cancelling = False
        super().__init__(**options)
        self.loop_runner = self._run_on_loop
        self.configurables.append(InlineBackend(parent=self))

    # Errors. IPython's own would print to stdout, in colours.

    def showtraceback(self, exc_tuple: Any = None, *_rest: Any, **_options: Any) -> None:
        error = exc_tuple[1] if exc_tuple else sys.exc_info()[1]
        if self._cancelling and isinstance(error, asyncio.CancelledError):
            error = KeyboardInterrupt().with_traceback(error.__traceback__)
        if error is not None:
            report(error)

    def _format_exception_for_storage(self, *_rest: Any, **_options: Any) -> Dict[str, Any]:
        # For IPython's history, which nobody reads: it would format every traceback a second time, slowly.
        return {}

    def showsyntaxerror(self, *_rest: Any, **_options: Any) -> None:
        self.showtraceback()

    def showindentationerror(self, *_rest: Any, **_options: Any) -> None:
        self.showtraceback()

    def _tee(self, channel: str) -> Any:
        # IPython would keep all that cells print, for ever.
        return nullcontext()

    def ask_exit(self) -> None:
        raise SystemExit("exit() does not end the kernel; its variables are kept")

    # `!command` writes to the cell's own descriptors.
    system = InteractiveShell.system_raw

    def enable_gui(self, gui: Any = None) -> None:
        pass

    def enable_matplotlib(self, gui: Any = None) -> Any:
        import matplotlib.pyplot  # noqa: F401

        figures.use_backend()
        return "inline", figures.BACKEND

    def _run_on_loop(self, coroutine: Any) -> Any:
        """Runs a cell with top-level await; an interrupt cancels the cell, not the tasks it left."""
        if self._loop is None or self._loop.is_closed():
            self._loop = asyncio.new_event_loop()
        loop = self._loop
        asyncio.set_event_loop(loop)
        task = loop.create_task(coroutine)
        try:
            return loop.run_until_complete(task)
        except KeyboardInterrupt:
            if task.done():
                raise
            self._cancelling = True
            task.cancel()
            # The cell reports the interrupt itself, with its own frames.
            return loop.run_until_complete(task)
        finally:
            self._cancelling = False


def make_shell() -> Shell:
    """The one shell of this process, with nothing of a user in it."""
    config = Config()
    config.HistoryManager.enabled = False
    config.HistoryAccessor.enabled = False
    shell = Shell.instance(config=config)
    for colors in ("nocolor", "NoColor"):
        try:
            shell.colors = colors
            break
        except Exception:
            continue
    # Said by IPython on SystemExit, about keys nobody here has.
    warnings.filterwarnings("ignore", message="To exit: use", category=UserWarning)
    # Said by IPython when it forgets the oldest of a thousand results.
    warnings.filterwarnings("ignore", message="Output cache limit", category=UserWarning)
    warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive", category=UserWarning)
    formatters = shell.display_formatter.formatters
    formatters["image/png"].for_type_by_name("matplotlib.figure", "Figure", _figure_png)
    formatters["image/svg+xml"].for_type_by_name("matplotlib.figure", "Figure", _figure_svg)
    formatters["text/plain"].for_type_by_name("matplotlib.figure", "Figure", _figure_text)
    sys.modules["__main__"] = shell.user_module
    return shell


_rendered: Dict[str, Any] = {}


def _figure_text(figure: Any, printer: Any, _cycle: bool) -> None:
    # IPython asks for the text first: the drawing is made here, and the others take theirs from it.
    _rendered.clear()
    bundle = figures.figures.render(figure)
    _rendered.update(bundle or {})
    printer.text(_rendered.pop("text/plain", "<Figure, not drawn: a cell shows at most %d>" % figures.MAX_FIGURES))


def _figure_png(_figure: Any) -> Any:
    return _rendered.pop("image/png", None)


def _figure_svg(_figure: Any) -> Any:
    return _rendered.pop("image/svg+xml", None)


def user_environment(variables: Dict[str, Optional[str]]) -> None:
    """Sets or takes away environment variables."""
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
