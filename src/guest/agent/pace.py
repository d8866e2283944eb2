"""Paces what executions send, so that a flood from one sandbox leaves the server time for the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from agent.journal import event_bytes
from agent.rate import Rate

if TYPE_CHECKING:
    from agent.message_types import Event

# What the largest cell sends: its displays' cap (kernel_manager/displays.py). Only what follows at once has to wait.
_BURST_BYTES = 4 << 20
_BYTES_PER_SECOND = 4 << 20


class Pace:
    """Between the kernels and the journal. Kernels are not read while too much was sent, so code that prints waits.

    It delays no event that was read: a reply that waited here could miss its deadline.
    """

    def __init__(
        self,
        loop: Any,
        emit: "Callable[[int, Event], None]",
        can_emit: Callable[[], bool],
        on_room: Callable[[], None],
    ) -> None:
        """`on_room` is called when there is room again after can_emit() returned False because of the pace."""
        self._loop = loop
        self._emit = emit
        self._can_emit = can_emit
        self._on_room = on_room
        self._rate = Rate(_BYTES_PER_SECOND, _BURST_BYTES)
        self._waiting = False

    def emit(self, request_id: int, event: "Event") -> None:
        """Sends an event at once."""
        self._rate.charge(self._loop.time(), event_bytes(event))
        self._emit(request_id, event)

    def can_emit(self) -> bool:
        """Whether executions may send more."""
        wait = self._rate.take(self._loop.time(), 0)
        if wait <= 0:
            return self._can_emit()
        if not self._waiting:
            self._waiting = True
            self._loop.call_later(wait, self._on_time)
        return False

    def _on_time(self) -> None:
        self._waiting = False
        self._on_room()
