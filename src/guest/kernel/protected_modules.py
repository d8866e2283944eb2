"""Modules that no file of the user's hides: Python's library, the package `omcp`, and what the server's own code here imports.

All code of a process shares its modules. The working folder is first on sys.path, so a /workspace/psycopg.py would become the module, and
query_omop would fail, whoever imported it first. So these names are found where they are installed. Any other name is found as in Jupyter,
the working folder first.
"""
from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any, List, Optional

# What silent executions, the kernel's modules and `omcp` import, and what that imports (tests/integration/mcp/hidden_modules_test.ts compares).
_NEEDED = frozenset((
    "IPython", "PIL", "cloudpickle", "contourpy", "cycler", "dateutil", "fontTools", "jedi", "kiwisolver", "matplotlib", "mpl_toolkits", "numexpr",
    "numpy", "omcp", "packaging", "pandas", "parso", "psycopg", "psycopg_binary", "pyarrow", "pygments", "pyparsing", "pytz", "six", "traitlets",
    "typing_extensions", "tzdata", "vl_convert",
))  # fmt: skip
# What these import if there is such a package.
_OPTIONAL = frozenset(("bottleneck", "psycopg_c"))


NAMES = _NEEDED | _OPTIONAL | frozenset(getattr(sys, "stdlib_module_names", ()))


class Finder:
    """Finds the protected modules before the current sys.path is searched. `path`: where modules are installed."""

    def __init__(self, path: List[str]) -> None:
        self._path = path

    def find_spec(self, name: str, path: Any = None, _target: Any = None) -> Optional[ModuleSpec]:
        if path is not None or name not in NAMES:
            return None
        found = PathFinder.find_spec(name, self._path)
        if found is None and name in _OPTIONAL:
            raise ModuleNotFoundError("No module named %r" % name, name=name)
        return found


def protect() -> None:
    """Installs the finder, after those that search no path (for built-in and frozen modules). sys.path must have nothing of the user's yet."""
    at = next((i for i, finder in enumerate(sys.meta_path) if finder is PathFinder), len(sys.meta_path))
    sys.meta_path.insert(at, Finder(list(sys.path)))
