"""Measures what one execution uses and changes: processor time, memory, files. A kernel cannot influence it. Runs in the agent."""
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional, Tuple

from .changed_files import ChangedFilesFinder
from .execution import Execution
from .usage import Usage

if TYPE_CHECKING:
    from agent.message_types import ChangedFiles


class Measured(NamedTuple):
    """The measurements of a reply; None for one that the system does not show."""

    cpu_ms: Optional[int]
    peak_memory_bytes: Optional[int]
    files: "ChangedFiles"


def _no_files() -> "ChangedFiles":
    return {"changed": [], "count": 0, "complete": True}


class Measurement:
    """Measures one execution at a time. Reports no files for silent ones, and does not add the files that they change to a later one."""

    def __init__(self, loop: Any) -> None:
        self._usage = Usage(loop)
        self._files = ChangedFilesFinder(loop)

    def written(self, found: os.stat_result) -> None:
        """Leaves out a file that the agent itself has just written for the server."""
        self._files.written(found)

    def begin(self) -> None:
        """Begins, just before the cell is sent."""
        self._usage.begin()
        self._files.begin()

    def end(self, execution: Execution, seconds: float, on_measured: Callable[[Measured], None]) -> None:
        """Ends, after the cell has run for `seconds`. Calls `on_measured` once, now or later, unless end_now() or begin() is called before that."""
        cpu_ms, peak = self._end_usage()
        if execution.params.silent:
            on_measured(Measured(cpu_ms, peak, _no_files()))
        else:
            self._files.find(seconds, lambda files: on_measured(Measured(cpu_ms, peak, files)))

    def end_now(self, execution: Execution) -> Measured:
        """Ends like end(), but at once and with less time to find files, because the reply has a deadline."""
        if not execution.sent:
            return Measured(0, None, _no_files())
        cpu_ms, peak = self._end_usage()
        return Measured(cpu_ms, peak, _no_files() if execution.params.silent else self._files.find_now())

    def stop(self) -> None:
        self._usage.stop()
        self._files.stop()

    def _end_usage(self) -> Tuple[Optional[int], Optional[int]]:
        found = self._usage.cpu_ms(), self._usage.peak_memory_bytes()
        self._usage.stop()
        return found
