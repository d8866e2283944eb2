"""The kernel's state, and telling the server of it. Runs in the agent."""
from __future__ import annotations

from typing import Any, Callable, Dict, Optional

Emit = Callable[[int, Dict[str, Any]], None]


class KernelState:
    """`now` is `starting`, `idle` or `dead`. Each change is one `kernel_state` event."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._told: Optional[Dict[str, Any]] = None
        self._error: Optional[Dict[str, str]] = None
        self.now = "starting"
        self.code = "kernel_unavailable"
        self.message = "There is no kernel"
        self.confinement: Optional[Dict[str, Any]] = None

    def begin(self) -> None:
        self._error = None
        self.now = "starting"

    def die(self, code: str, message: str) -> None:
        self.code, self.message = code, message
        self._error = {"code": code, "message": message}
        self.tell("dead")

    def tell(self, state: str) -> None:
        self.now = state
        event = {"type": "kernel_state", "state": state, "confinement": self.confinement, "error": self._error}
        if event != self._told:
            self._told = event
            self._emit(0, event)
