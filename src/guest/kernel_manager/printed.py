"""What a cell prints, and what is printed behind it: to whom it belongs. Runs in the agent."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional

from .execution import Execution
from .late import BetweenCells, LatePipes
from .output import ExecutionOutput
from .state import Emit

if TYPE_CHECKING:
    from agent.message_types import StreamName, StreamTotals


class Printed:
    """Of all cells of a sandbox; `running` gives the one that runs."""

    def __init__(
        self, loop: Any, emit: Emit, can_emit: Callable[[], bool], running: Callable[[], Optional[Execution]]
    ) -> None:
        self._loop = loop
        self._emit = emit
        self._can_emit = can_emit
        self._running = running
        self._late = LatePipes(loop, self._on_late)
        self._between = BetweenCells()

    def open(self, execution: Execution) -> List[int]:
        """The ends to write to. What is printed while an internal cell runs is not its own: it waits for the next ordinary one.

        Raises OSError.
        """
        if execution.params.silent:
            return self._late.open()
        for event in self._between.take():
            self._emit(execution.request_id, event)
        execution.output = ExecutionOutput(
            self._loop,
            execution.params.max_output_bytes,
            lambda event: self._emit(execution.request_id, execution.record(event)),
            self._can_emit,
        )
        return execution.output.take_write_fds()

    def end(self, execution: Execution) -> "Dict[str, StreamTotals]":
        """How much of each stream there was. Whoever still holds its pipes prints into later cells."""
        self._late.drain()
        return execution.output.finish(self._late.add) if execution.output is not None else {}

    def drain(self) -> None:
        """Takes what was printed before whatever comes next."""
        self._late.drain()

    def close(self) -> None:
        self._late.close()

    def _on_late(self, name: "StreamName", data: bytes) -> None:
        """What threads and processes of earlier cells print belongs to the cell that runs, if one does."""
        execution = self._running()
        if execution is not None and execution.output is not None and not execution.params.silent:
            execution.output.take(name, data)
        else:
            self._between.add(name, data)
