"""An IPython shell without a terminal and without zmq: results, displays and errors become messages."""
from __future__ import annotations

import asyncio
import os
import pdb
import sys
import warnings
from contextlib import nullcontext
from typing import Any, Dict, Optional

from IPython.core.autocall import ExitAutocall
from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Any as AnyTrait, Bool, Dict as DictTrait, Type, observe
from traitlets.config import Config, Configurable

from . import advice, display, figures, representations, tasks, tracebacks
from .outlet import is_quiet_exit, note, outlet, publish, report


class Exit(ExitAutocall):
    """exit and quit: they end the cell."""

    def __call__(self, code: Any = None) -> None:
        raise SystemExit(code)


class Publisher(DisplayPublisher):
    """IPython's display() ends here."""

    def publish(
        self, data: Any, _metadata: Any = None, *_rest: Any, transient: Any = None, **_options: Any
    ) -> None:
        display_id = transient.get("display_id") if isinstance(transient, dict) else None
        publish(data, updates=None if display_id is None else str(display_id))

    def clear_output(self, wait: bool = False) -> None:
        outlet.clear(wait)


class ResultHook(DisplayHook):
    """The value of a cell's last expression ends here."""

    def start_displayhook(self) -> None:
        self._is_active = True

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: Dict[str, Any], _md_dict: Any = None) -> None:
        kept = display.bundle(format_dict, "print(Out[%d]) prints all of it" % self.prompt_count)
        if kept:
            outlet.put({"type": "execute_result", "data": kept})

    def log_output(self, format_dict: Dict[str, Any]) -> None:
        # IPython would keep every bundle until the kernel ends.
        pass

    def finish_displayhook(self) -> None:
        self._is_active = False


_ALLOW_INCOMPLETE_INPUT = 0x4000


class Compiler(CachingCompiler):
    """Names a cell's code as In[n] in tracebacks, and treats unfinished source as an error."""

    def __init__(self) -> None:
        super().__init__()
        self.flags &= ~_ALLOW_INCOMPLETE_INPUT

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        return "Cell In[%d]" % number


class InlineBackend(Configurable):
    """Accepts what notebooks set with `%config InlineBackend.…`."""

    figure_format = AnyTrait("png").tag(config=True)
    figure_formats = AnyTrait(("png",)).tag(config=True)
    rc = DictTrait().tag(config=True)
    close_figures = Bool(True).tag(config=True)
    print_figure_kwargs = DictTrait().tag(config=True)

    @observe("figure_format", "figure_formats")
    def _format_changed(self, change: Any) -> None:
        representations.select_formats(self, change["new"])


class Shell(InteractiveShell):
    """State between cells, magics and top-level await."""

    displayhook_class = Type(ResultHook)
    display_pub_class = Type(Publisher)
    compiler_class = Type(Compiler)

    def __init__(self, **options: Any) -> None:
        self.cell_tasks = tasks.Tasks()
        super().__init__(**options)
        self.loop_runner = self.cell_tasks.run_cell
        self.configurables.append(InlineBackend(parent=self))

    # Errors. IPython's own would print to stdout, in colours.

    def showtraceback(
        self,
        exc_tuple: Any = None,
        filename: Any = None,
        tb_offset: Any = None,
        exception_only: bool = False,
        running_compiled_code: bool = False,
    ) -> None:
        error = exc_tuple[1] if exc_tuple else sys.exc_info()[1] or getattr(sys, "last_value", None)
        # IPython sets one of these for an error that ended the cell, unless the code does not compile. An error that a formatter
        # or the cell itself shows did not end the cell.
        ended = exception_only or running_compiled_code or tracebacks.is_uncompiled(error)
        if ended and is_quiet_exit(error):
            note("the cell ended itself; the kernel and its variables are kept")
            return
        if self.cell_tasks.cancelling and isinstance(error, asyncio.CancelledError):
            error = KeyboardInterrupt().with_traceback(error.__traceback__)
        if error is not None:
            if ended:
                sys.last_type, sys.last_value, sys.last_traceback = type(error), error, error.__traceback__
                setattr(sys, "last_exc", error)
            report(error, note=not ended)

    def _format_exception_for_storage(self, *_rest: Any, **_options: Any) -> Dict[str, Any]:
        # For IPython's history, which nobody reads: formatting every traceback a second time is slow.
        return {}

    def showsyntaxerror(self, *_rest: Any, **_options: Any) -> None:
        self.showtraceback(running_compiled_code=True)

    def showindentationerror(self, *_rest: Any, **_options: Any) -> None:
        self.showtraceback(running_compiled_code=True)

    def _tee(self, channel: str) -> Any:
        # IPython would keep all printed text until the kernel ends.
        return nullcontext()

    def ask_exit(self) -> None:
        raise SystemExit

    def init_user_ns(self) -> None:
        super().init_user_ns()
        # IPython's own guards descriptors that a cell may well use, and hides a patched builtins.open.
        self.user_ns.pop("open", None)
        self.user_ns["exit"] = self.user_ns["quit"] = Exit(self)

    # `!command` writes to the cell's own descriptors.
    def system(self, cmd: str) -> Any:
        problem = advice.of_command(cmd)
        if problem is not None:
            raise RuntimeError(problem)
        return self.system_raw(cmd)

    def getoutput(self, cmd: str, *rest: Any, **options: Any) -> Any:
        problem = advice.of_command(cmd)
        if problem is not None:
            raise RuntimeError(problem)
        return super().getoutput(cmd, *rest, **options)

    def set_next_input(self, s: str, replace: bool = False) -> None:
        """%load and %recall call it: there is no next cell to put the code into, so it is printed."""
        print(s)

    def enable_gui(self, gui: Any = None) -> None:
        pass

    def enable_matplotlib(self, gui: Any = None) -> Any:
        import matplotlib.pyplot  # noqa: F401

        figures.use_backend()
        return "inline", figures.BACKEND


def no_debugger(*_rest: Any, **_options: Any) -> None:
    """Replaces a debugger, which would wait for commands."""
    raise RuntimeError(advice.NO_DEBUGGER)


def _no_install(line: str) -> None:
    raise RuntimeError(advice.of_magic(line))


def make_shell() -> Shell:
    """Makes the shell of this process, without any user state."""
    config = Config()
    config.HistoryManager.enabled = False
    config.HistoryAccessor.enabled = False
    shell: Shell = Shell.instance(config=config)
    for colors in ("nocolor", "NoColor"):
        try:
            shell.colors = colors
            break
        except Exception:
            continue
    for name in ("pip", "conda", "mamba", "micromamba", "uv"):
        shell.register_magic_function(_no_install, "line", name)
    for name in ("debug", "pdb"):
        shell.register_magic_function(no_debugger, "line", name)
    shell.cell_tasks.take_create_task()
    pdb.set_trace = no_debugger
    # pandas warns of each connection that is not SQLAlchemy's, although ours works.
    warnings.filterwarnings("ignore", message="pandas only supports SQLAlchemy", category=UserWarning)
    # IPython's hint on SystemExit names keys that a caller does not have.
    warnings.filterwarnings("ignore", message="To exit: use", category=UserWarning)
    # IPython's, when it forgets the oldest of a thousand results.
    warnings.filterwarnings("ignore", message="Output cache limit", category=UserWarning)
    warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive", category=UserWarning)
    representations.register(shell)
    sys.modules["__main__"] = shell.user_module
    return shell


def user_environment(variables: Dict[str, Optional[str]]) -> None:
    """Sets environment variables; removes those whose value is None."""
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
