"""Exceptions as text: the standard library's traceback without IPython's and our own frames, with a bounded length."""
from __future__ import annotations

import traceback
from typing import Any, Iterable, Iterator, List, Set, Tuple

from . import advice, wire
from .budget import cut, within_budget

# With the exception's name they fit into one message to the agent.
MAX_VALUE_CHARACTERS = 4096
MAX_TRACEBACK_CHARACTERS = 32768

_WHOLE = "import traceback; traceback.print_last() prints all of it"
# The kernel's modules, and the package that calls tools.
_OURS = ("omcp_kernel/", "/run/omcp/python/omcp/")
_CELL = "Cell In["
_LIBRARY = "/lib/python3"
_SHELL = "/site-packages/IPython/"
_MAX_CHAIN = 32
_MAX_LINE_CHARACTERS = 16384
_MAX_READ_CHARACTERS = 1 << 20
# The last frames, where the error is.
_MAX_FRAMES = -200
_FEW_FRAMES = 4


def describe(error: BaseException) -> Tuple[str, str, str]:
    """Name, value and traceback of an exception. Raises nothing except KeyboardInterrupt, from a __str__ that does not end."""
    name = _name(error)
    value = _value(error)
    try:
        # One budget for all: the chain and each of its frames.
        pieces: List[str] = []
        length = 0
        described = traceback.TracebackException.from_exception(error, limit=_MAX_FRAMES)
        _without_ours(described, set())
        if is_uncompiled(error):
            # The frames are the compiler's: the error names its line.
            described.stack.clear()
        if advice.is_network(error):
            # Fifty library frames that end in name resolution do not help a model, and invite retries.
            described.__cause__ = described.__context__ = None
            described.stack[:] = [frame for frame in described.stack if "/site-packages/" not in frame.filename and _LIBRARY not in frame.filename]
        for line in _folded(described.format()):
            pieces.append(cut(line, _MAX_LINE_CHARACTERS))
            length += len(pieces[-1])
            if length > _MAX_READ_CHARACTERS:
                pieces.append("\n… [the traceback goes on]")
                break
        hint = advice.of_error(error) or ""
        text = within_budget("".join(pieces), _WHOLE, MAX_TRACEBACK_CHARACTERS - len(hint)) + hint
    except Exception:
        text = "%s: %s\n[the traceback could not be written]" % (name, value)
    return wire.clean(name), wire.clean(value), wire.clean(text.rstrip("\n"))


def _folded(lines: Iterable[str]) -> Iterator[str]:
    """The lines of a traceback; keeps the first and the last two of many consecutive library frames."""
    run: List[str] = []
    for line in lines:
        place = line.partition("\n")[0]
        if place.startswith('  File "') and ("/site-packages/" in place or _LIBRARY in place):
            run.append(line)
            continue
        yield from _fold(run)
        run = []
        yield line
    yield from _fold(run)


def _fold(run: List[str]) -> List[str]:
    if len(run) <= _FEW_FRAMES:
        return run
    return [run[0], "  … %d more frames of libraries …\n" % (len(run) - 3), *run[-2:]]


def is_uncompiled(error: Any) -> bool:
    """Whether the cell did not compile, so that no line of it ran."""
    if not isinstance(error, SyntaxError):
        return False
    place = error.__traceback__
    while place is not None:
        if place.tb_frame.f_code.co_filename.startswith(_CELL):
            return False
        place = place.tb_next
    return True


def _name(error: BaseException) -> str:
    name = type.__getattribute__(type(error), "__name__")
    return cut(name, 256) if isinstance(name, str) else "Exception"


def _value(error: BaseException) -> str:
    try:
        value = str(error)
    except Exception as second:
        return "[its __str__ raised %s]" % _name(second)
    if isinstance(error, SystemExit) and not value:
        value = "None"
    return cut(str.__str__(value), MAX_VALUE_CHARACTERS)


def _without_ours(described: traceback.TracebackException, seen: Set[int]) -> None:
    """Removes our own frames and IPython's from the whole chain."""
    if id(described) in seen or len(seen) >= _MAX_CHAIN:
        return
    seen.add(id(described))
    described.stack[:] = [frame for frame in described.stack if not _is_ours(frame.filename)]
    linked = [described.__cause__, described.__context__, *(getattr(described, "exceptions", None) or ())]
    for other in linked:
        if other is not None:
            _without_ours(other, seen)


def _is_ours(filename: str) -> bool:
    return filename.startswith(_OURS) or _SHELL in filename or "/dist-packages/IPython/" in filename
