"""Assigns printed text to the running execution or to the next one. Runs in the agent."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, List, Optional

from agent.saved_output import SavedOutputs

from .execution import Execution
from .late import BetweenCells, LatePipes
from .output import NOTHING_PRINTED, ExecutionOutput, PrintedTotals
from .state import Emit

if TYPE_CHECKING:
    from agent.message_types import StreamName


class Printed:
    """The printed text of all executions of a sandbox; `running` returns the running execution."""

    def __init__(
        self,
        loop: Any,
        emit: Emit,
        can_emit: Callable[[], bool],
        running: Callable[[], Optional[Execution]],
        outputs: SavedOutputs,
    ) -> None:
        self._loop = loop
        self._outputs = outputs
        self._emit = emit
        self._can_emit = can_emit
        self._running = running
        self._late = LatePipes(loop, self._on_late)
        self._between = BetweenCells()

    def open(self, execution: Execution) -> List[int]:
        """Returns the write ends of its pipes. Output of a silent execution belongs to the next ordinary one. Raises OSError."""
        if execution.params.silent:
            return self._late.open()
        for event in self._between.take():
            self._emit(execution.request_id, event)
        execution.output = ExecutionOutput(
            self._loop,
            execution.params.max_output_bytes,
            lambda event: self._emit(execution.request_id, execution.record(event)),
            self._can_emit,
            self._outputs,
            execution.params.execution,
        )
        return execution.output.take_write_fds()

    def end(self, execution: Execution) -> PrintedTotals:
        """Returns the totals of each stream, and where the copies are. Processes that still have its pipes print into later executions."""
        self._late.drain()
        return execution.output.finish(self._late.add) if execution.output is not None else NOTHING_PRINTED

    def drain(self) -> None:
        """Reads the text printed until now."""
        self._late.drain()

    def close(self) -> None:
        self._late.close()

    def _on_late(self, name: "StreamName", data: bytes) -> None:
        """Output of threads and processes of earlier cells belongs to the running execution, or to the next."""
        execution = self._running()
        if execution is not None and execution.output is not None and not execution.params.silent:
            execution.output.take(name, data)
        else:
            self._between.add(name, data)
