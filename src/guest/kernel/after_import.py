"""Sets modules up right after their import, by the zygote or later by a cell: a kernel may be forked before the zygote has imported them."""
from __future__ import annotations

import importlib.util
import sys
from typing import Any, Callable, Dict

from . import figures


def _set_up_pandas() -> None:
    # A model reads rows as text without a window: two columns of sixteen would not help it.
    sys.modules["pandas"].set_option("display.width", 200, "display.max_columns", 40)


class AfterImport:
    """A finder for sys.meta_path that finds nothing itself: it has a module's loader run a function after the module's code."""

    def __init__(self, actions: Dict[str, Callable[[], Any]]) -> None:
        self._actions = actions

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> Any:
        action = self._actions.pop(name, None)
        if action is None:
            return None
        try:
            # Found by the others: this one no longer knows the name.
            spec = importlib.util.find_spec(name)
        except BaseException:
            self._actions[name] = action
            raise
        if spec is None or spec.loader is None:
            self._actions[name] = action
            return spec
        loader: Any = spec.loader
        run = loader.exec_module

        def run_then_set_up(module: Any) -> None:
            # If it fails, the next import is another attempt.
            self._actions[name] = action
            run(module)
            del self._actions[name]
            try:
                action()
            except Exception:
                # A module of the image's or the user's own, which may lack what is set: it works without.
                pass

        loader.exec_module = run_then_set_up
        return spec


def watch() -> None:
    """Installs the finder."""
    sys.meta_path.insert(0, AfterImport({"pandas": _set_up_pandas, "matplotlib.pyplot": figures.use_backend}))
