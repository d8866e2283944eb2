"""Messages for what a cell cannot do (install packages, use the network, debug), with alternatives."""
from __future__ import annotations

import difflib
import errno
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
from types import ModuleType
from typing import Any, Iterator, List, Optional

from . import protected_modules

# Read here, before user code can change it: the server sets it where a database is configured.
_HAS_DATABASE = "PGHOST" in os.environ
NO_NETWORK = "There is no network in a sandbox: read files in /workspace%s." % (
    ", or the database with psycopg.connect()" if _HAS_DATABASE else ""
)
NO_DATABASE = "No database can be reached from code here: work with files in /workspace."
# Where the server runs queries itself and gives code no connection to the database.
NO_CONNECTION = "No database can be reached from code here: omcp.query(…) asks the server for numbers on groups of persons."
# Whether the server offers the tool.
_HAS_INSTALL = os.environ.get("SANDBOX_PACKAGES") == "install_package"
NO_INSTALL = (
    "A cell cannot install packages, because there is no network in a sandbox: call the tool install_package with this sandbox_id."
    if _HAS_INSTALL
    else "Nothing can be installed: there is no network in a sandbox, and this server does not offer install_package. Use what is there "
    "(importlib.metadata.distributions() lists it), or ask the operator to set OMCP_PACKAGES or to add the package to the image."
)
NO_PIP = (
    "There is no pip in a sandbox: importlib.metadata.version('numpy') returns a version, and importlib.metadata.distributions() lists what "
    "is installed."
)
NO_KALEIDO = (
    "kaleido draws with a browser, which no sandbox has: write_html() writes the figure into a file, and matplotlib or seaborn draw pictures."
)
NO_SPACE = (
    "The sandbox's files lie in memory, and their space is used up: delete some in /workspace and /tmp, "
    "or write smaller ones, such as Parquet."
)
NO_DEBUGGER = (
    "there is no debugger without standard input: print the values. After an error the variables are kept, and %tb shows the traceback"
)

_INSTALLERS = re.compile(
    r"^\s*(?:sudo\s+)?(?:(?:\S*python[\d.]*\s+(?:-\S+\s+)*-m\s+|uv\s+)?pip[\d.]*\s+(?:-\S+\s+)*(?:install|download)\b|uv\s+(?:add|sync)\b"
    r"|(?:conda|mamba|micromamba)\s|apt(?:-get)?\s+(?:install|update)|npm\s+install|easy_install\s)"
)
_LISTS = re.compile(r"^\s*(?P<python>\S*python[\d.]*\s+-m\s+)?pip[\d.]*\s+(?:list|show|freeze|check)\b")
# Installing from a folder of wheels or a file needs no network.
_OFFLINE = re.compile(r"--no-index|--find-links|\.whl\b|(?:install|add)\s+(?:-e\s+)?[./]")
# What separates the commands of a shell's script.
_SEPARATORS = re.compile(r"&&|\|\||[;|\n]")
_SHELLS = ("sh", "bash", "dash", "zsh")
# Programs that are missing because they could only install.
_INSTALL_PROGRAMS = ("pip", "pip3", "uv", "conda", "mamba", "micromamba", "easy_install")
# Installed replacements for packages that models often import but no image has.
_INSTEAD = {
    "torch": "scikit-learn, xgboost or lightgbm",
    "tensorflow": "scikit-learn, xgboost or lightgbm",
    "keras": "scikit-learn",
    "catboost": "xgboost or lightgbm",
    "pymysql": "psycopg" if _HAS_DATABASE else "omcp.query, where a database is configured",
    "psycopg_pool": "psycopg" if _HAS_DATABASE else "omcp.query, where a database is configured",
    "ggplot": "seaborn",
    "plotnine": "seaborn",
    "bokeh": "plotly or altair",
    "dask": "polars or duckdb",
    "pyspark": "polars or duckdb",
    "sksurv": "lifelines",
    # There is another package of this name.
    "omcp": "files in /workspace: it is there where a database is configured",
    "httpx": "%s: there is no network" % ("the database" if _HAS_DATABASE else "files in /workspace"),
}
_ASKS_TO_INSTALL = re.compile(r"\b(?:pip|conda|pip3|uv)\b.{0,20}\binstall\b|\binstall\b.{0,60}\b(?:pip|conda)\b|Please install ", re.IGNORECASE | re.DOTALL)
_DRIVERS = ("psycopg", "psycopg2")
_MAX_CHAIN = 32
_MAX_SCRIPT = 100_000


def installs(command: str) -> bool:
    """Whether a command line installs a package that it would have to download."""
    return _INSTALLERS.match(command) is not None and _OFFLINE.search(command) is None


def of_command(command: str) -> Optional[str]:
    """Why a command line cannot work that installs or lists packages."""
    if installs(command):
        return NO_INSTALL
    lists = _LISTS.match(command)
    if lists is None:
        return None
    # An operator's own image may have it.
    has = importlib.util.find_spec("pip") if lists.group("python") else shutil.which("pip")
    return NO_PIP if has is None else None


def of_program(command: Any) -> Optional[str]:
    """Why a program that was started cannot work: its arguments, or a shell's script."""
    return next(filter(None, map(of_command, _commands(command))), None)


def is_script(command: Any) -> bool:
    """Whether a program that was started is a shell with several commands."""
    return len(_commands(command)) > 1


def of_magic(line: str) -> str:
    """Why %pip and its like cannot work."""
    return NO_PIP if _LISTS.match("pip " + line) else NO_INSTALL


def of_error(error: BaseException) -> Optional[str]:
    """Advice for an error that the sandbox causes."""
    hidden = _hidden_file(error)
    if hidden is not None:
        return "%s.py was not imported: %s is a module of Python's library, or one that the server needs. Rename the file." % (hidden, hidden)
    if isinstance(error, ModuleNotFoundError) and isinstance(error.name, str):
        name, dot, _ = error.name.partition(".")
        # An installed package lacks a module: Python's own message says so.
        return None if dot and name in sys.modules else _missing(name)
    if isinstance(error, subprocess.CalledProcessError):
        return of_program(error.cmd)
    if isinstance(error, FileNotFoundError) and os.path.basename(_text(error.filename)) in _INSTALL_PROGRAMS:
        return NO_INSTALL
    if isinstance(error, (ImportError, RuntimeError, ValueError)) and _ASKS_TO_INSTALL.search(str(error)):
        return NO_KALEIDO if "kaleido" in str(error).lower() else NO_INSTALL
    if isinstance(error, ImportError) and "IProgress" in str(error):
        return "There are no widgets in a sandbox: use `from tqdm import tqdm`."
    if any(isinstance(each, OSError) and each.errno == errno.ENOSPC for each in _chain(error)):
        return NO_SPACE
    if not _HAS_DATABASE and any(_is_lost_connection(each) for each in _chain(error)):
        return NO_CONNECTION if importlib.util.find_spec("omcp") else NO_DATABASE
    return NO_NETWORK if is_network(error) else None


def _commands(command: Any) -> List[str]:
    """The commands of a program's arguments, or of a shell's script, as in %%bash."""
    if not isinstance(command, (list, tuple)):
        return _SEPARATORS.split(_text(command))
    words = [_text(word) for word in command[:_MAX_CHAIN]]
    runs_script = len(words) > 2 and os.path.basename(words[0]) in _SHELLS and re.fullmatch(r"-[a-z]*c", words[1])
    return _SEPARATORS.split(words[2]) if runs_script else [" ".join(words)]


def _text(value: Any) -> str:
    # %%bash has its script as bytes.
    return value[:_MAX_SCRIPT].decode("utf-8", "replace") if isinstance(value, bytes) else str(value)[:_MAX_SCRIPT]


def _is_lost_connection(error: BaseException) -> bool:
    """Whether a PostgreSQL driver cannot connect; SQLAlchemy's error has the driver's as its cause."""
    package = type(error).__module__.partition(".")[0]
    return type(error).__name__ == "OperationalError" and package in _DRIVERS


def is_network(error: BaseException) -> bool:
    """Whether the error, or one of its causes, is an unreachable host."""
    return any(
        isinstance(each, socket.gaierror)
        or (isinstance(each, OSError) and not isinstance(each, FileNotFoundError) and each.errno in (101, 113))
        or (isinstance(each, PermissionError) and _raised_in_sockets(each))
        or (type(each).__name__ == "NameResolutionError")
        for each in _chain(error)
    )


def _raised_in_sockets(error: BaseException) -> bool:
    """Whether creating a socket failed: a sandbox has no network sockets at all."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return place is not None and place.tb_frame.f_code.co_filename.endswith("/socket.py")


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: List[int] = []
    waiting: List[Any] = [error]
    while waiting and len(seen) < _MAX_CHAIN:
        each = waiting.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.append(id(each))
        yield each
        # urllib and urllib3 keep the cause as an attribute or an argument.
        waiting += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]


def _hidden_file(error: BaseException) -> Optional[str]:
    """The name of a file in the working folder that was expected in place of a protected module."""
    if isinstance(error, AttributeError):
        # `obj` is new in Python 3.10.
        module = getattr(error, "obj", None)
        # Not isinstance(): it asks the object for its class, which runs the user's code.
        name = module.__dict__.get("__name__") if issubclass(type(module), ModuleType) else None
    else:
        name = error.name if isinstance(error, ImportError) else None
    top = name.partition(".")[0] if isinstance(name, str) else ""
    return top if top in protected_modules.NAMES and os.path.isfile(top + ".py") else None


def _missing(name: str) -> str:
    if name in getattr(sys, "stdlib_module_names", ()):
        return "This module of Python's library is not in the image."
    if name == "kaleido":
        return NO_KALEIDO
    instead = _INSTEAD.get(name)
    if instead is not None:
        if _HAS_INSTALL and name != "omcp":
            return "%s is not installed. Use %s, or the tool install_package." % (name, instead)
        return "%s is not installed, and nothing can be: there is no network. Use %s." % (name, instead)
    close = difflib.get_close_matches(name, _installed(), 1, 0.8)
    hint = " Did you mean %s?" % close[0] if close else ""
    return "%s is not installed.%s %s" % (name, hint, NO_INSTALL)


def _installed() -> List[str]:
    import pkgutil

    return [module.name for module in pkgutil.iter_modules() if not module.name.startswith("_")]
