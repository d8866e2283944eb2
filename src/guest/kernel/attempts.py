"""Remembers the programs that a cell starts to install packages: they fail, and many cells do not check how they ended."""
from __future__ import annotations

import functools
import os
import subprocess
from typing import Any, List, Optional

from . import advice

# For one cell.
_MAX_ATTEMPTS = 16


class Attempts:
    """The attempts of the running cell."""

    def __init__(self) -> None:
        self._started: List[subprocess.Popen[Any]] = []
        self._advice: Optional[str] = None

    def watch(self) -> None:
        """From now on looks at the programs that this process starts."""
        self._watch_popen()
        self._watch_system()

    def begin_cell(self) -> None:
        self._started.clear()
        self._advice = None

    def note(self, ended: Any) -> Optional[str]:
        """Advice about attempts that have failed; None if none failed, or if the error that ended the cell has the same advice."""
        for process in self._started:
            # Not poll(): the code that started it waits for it.
            if _may_have_failed(process.args, process.returncode):
                self._advice = self._advice or _of(process.args)
        if self._advice is None or (ended is not None and advice.of_error(ended) is not None):
            return None
        return self._advice

    def _watch_popen(self) -> None:
        plain = subprocess.Popen.__init__

        @functools.wraps(plain)
        def init(process: Any, *given: Any, **options: Any) -> None:
            plain(process, *given, **options)
            if len(self._started) < _MAX_ATTEMPTS and _of(process.args) is not None:
                self._started.append(process)

        setattr(subprocess.Popen, "__init__", init)

    def _watch_system(self) -> None:
        plain = os.system

        @functools.wraps(plain)
        def system(command: Any) -> int:
            status = plain(command)
            if _may_have_failed(command, status):
                self._advice = self._advice or _of(command)
            return status

        # Pickled by name, as the argument of a process pool: wraps() has given it posix's name, under which pickle finds the plain function.
        system.__module__ = "os"
        os.system = system


def _may_have_failed(command: Any, status: Optional[int]) -> bool:
    """A script has the status of its last command; None: it still runs."""
    return status is not None and (status != 0 or advice.is_script(command))


def _of(command: Any) -> Optional[str]:
    try:
        return advice.of_program(command)
    except Exception:  # of an argument's own methods
        return None
