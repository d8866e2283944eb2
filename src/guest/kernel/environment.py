"""The environment variables and the working folder of one execution: set before its cell runs, restored after it.

A variable of the call gets its earlier value back, whatever the cell did to it; other variables stay as the cell left them. With `cwd`,
the earlier working folder comes back as well; without it, os.chdir() in the cell lasts.
"""
from __future__ import annotations

import os
from typing import Dict, Optional

_HOME = "/workspace"

# Code in a cell may replace these in their module.
_set = os.environ.__setitem__
_remove = os.environ.__delitem__
_get = os.environ.get
_open = os.open
_close = os.close
_chdir = os.chdir
_fchdir = os.fchdir
_strerror = os.strerror
# A descriptor names the folder even after it was moved.
_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


class Environment:
    """The environment of one execution. It is entered and left where no interrupt can stop that."""

    def __init__(self, variables: Dict[str, str], folder: Optional[str]) -> None:
        self._variables = variables
        self._folder = folder
        self._earlier: Dict[str, Optional[str]] = {}
        self._earlier_folder = -1
        self._entered = False

    def enter(self) -> None:
        """Raises OSError if the folder cannot be entered; then nothing has changed."""
        if self._folder is not None:
            self._earlier_folder = _open(".", _FLAGS)
            try:
                _chdir(self._folder)
            except OSError as error:
                _close(self._earlier_folder)
                reason = _strerror(error.errno or 0)
                raise type(error)(error.errno, "%s; the cell did not run" % reason, self._folder) from None
        self._entered = True
        for name, value in self._variables.items():
            self._earlier[name] = _get(name)
            _set(name, value)

    def leave(self) -> None:
        """Restores what enter() has changed."""
        if not self._entered:
            return
        self._entered = False
        for name, value in self._earlier.items():
            try:
                if value is None:
                    _remove(name)
                else:
                    _set(name, value)
            except KeyError:
                # The cell has removed it.
                pass
        if self._folder is None:
            return
        try:
            _fchdir(self._earlier_folder)
            _close(self._earlier_folder)
        except OSError:
            # The cell has closed it, as os.closerange() does.
            _chdir(_HOME)
