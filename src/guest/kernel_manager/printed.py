"""What a cell prints, and what is printed behind it: to whom it belongs. Runs in the agent."""
from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional

from .cell import Cell
from .late import BetweenCells, LatePipes
from .output import CellOutput
from .state import Emit


class Printed:
    """Of all cells of a sandbox; `running` gives the one that runs."""

    def __init__(
        self, loop: Any, emit: Emit, can_emit: Callable[[], bool], running: Callable[[], Optional[Cell]]
    ) -> None:
        self._loop = loop
        self._emit = emit
        self._can_emit = can_emit
        self._running = running
        self._late = LatePipes(loop, self._on_late)
        self._between = BetweenCells()

    def open(self, cell: Cell) -> List[int]:
        """The ends to write to. What is printed while an internal cell runs is not its own: it waits for the next ordinary one.

        Raises OSError.
        """
        if cell.request.internal:
            return self._late.open()
        for event in self._between.take():
            self._emit(cell.request_id, event)
        cell.output = CellOutput(
            self._loop,
            cell.request.max_output_bytes,
            lambda event: self._emit(cell.request_id, cell.record(event)),
            self._can_emit,
        )
        return cell.output.take_write_fds()

    def end(self, cell: Cell) -> Dict[str, Dict[str, int]]:
        """How much of each stream there was. Whoever still holds its pipes prints into later cells."""
        self._late.drain()
        return cell.output.finish(self._late.add) if cell.output is not None else {}

    def drain(self) -> None:
        """Takes what was printed before whatever comes next."""
        self._late.drain()

    def close(self) -> None:
        self._late.close()

    def _on_late(self, name: str, data: bytes) -> None:
        """What threads and processes of earlier cells print belongs to the cell that runs, if one does."""
        cell = self._running()
        if cell is not None and cell.output is not None and not cell.request.internal:
            cell.output.take(name, data)
        else:
            self._between.add(name, data)
