"""Limits a kernel's history: In, Out and _i1, _1, … hold the last thousand cells. Runs in the kernel.

IPython would keep every cell's source text five times over, and every result behind user_ns_hidden.
"""
from __future__ import annotations

import linecache
from collections import OrderedDict
from typing import Any

KEPT_CELLS = 1000
# Source text of older cells that define functions or classes: tracebacks show it.
_DEFINITIONS = ("def ", "class ", "lambda")
_DEFINITIONS_BYTES = 1 << 20
# Bytes that a text takes in addition to its characters.
_OVERHEAD_BYTES = 512

_cache = linecache.cache


class History:
    """The history of one shell."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._definitions: "OrderedDict[str, int]" = OrderedDict()
        self._bytes = 0

    def cell_ended(self) -> None:
        """Forgets the cell that is now the 1001st."""
        shell = self._shell
        manager = shell.history_manager
        # IPython keeps it for a history database, which does not exist here.
        manager.db_input_cache.clear()
        manager.db_output_cache.clear()
        number = shell.execution_count - 1 - KEPT_CELLS
        if number < 1:
            return
        for texts in (manager.input_hist_parsed, manager.input_hist_raw):
            if number < len(texts):
                texts[number] = ""
        for results in (manager.output_hist, manager.output_hist_reprs, getattr(manager, "outputs", {}), getattr(manager, "exceptions", {})):
            results.pop(number, None)
        for name in ("_i%d" % number, "_%d" % number):
            hidden = shell.user_ns_hidden.pop(name, None)
            # A user's own variable with that name is kept.
            if shell.user_ns.get(name) is hidden:
                shell.user_ns.pop(name, None)
        self._forget_source("Cell In[%d]" % number)

    def _forget_source(self, name: str) -> None:
        entry = _cache.get(name)
        text = "".join(entry[2]) if entry is not None and len(entry) == 4 else ""
        if any(word in text for word in _DEFINITIONS):
            self._definitions[name] = len(text) + _OVERHEAD_BYTES
            self._bytes += self._definitions[name]
        else:
            self._drop(name)
        while self._bytes > _DEFINITIONS_BYTES:
            oldest, size = self._definitions.popitem(last=False)
            self._bytes -= size
            self._drop(oldest)

    def _drop(self, name: str) -> None:
        _cache.pop(name, None)
        self._shell.compile._filename_map.pop(name, None)
