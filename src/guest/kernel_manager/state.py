"""The kernel's state, and telling the server of it. Runs in the agent."""
from __future__ import annotations

from typing import Any, Callable, Dict, Optional

_NO_KERNEL = {"code": "kernel_unavailable", "message": "There is no kernel"}

Emit = Callable[[int, Dict[str, Any]], None]


class KernelState:
    """`now` is `starting`, `idle` or `dead`. Each change is one `kernel_state` event."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._told: Optional[Dict[str, Any]] = None
        self._error: Optional[Dict[str, str]] = None
        self.now = "starting"
        self.confinement: Optional[Dict[str, Any]] = None

    @property
    def error(self) -> Dict[str, str]:
        """Code and message of what keeps the kernel from running."""
        return self._error or _NO_KERNEL

    def begin(self) -> None:
        self._error = None
        self.now = "starting"

    def die(self, code: str, message: str) -> None:
        self._error = {"code": code, "message": message}
        self.tell("dead")

    def tell(self, state: str) -> None:
        self.now = state
        event = {"type": "kernel_state", "state": state, "confinement": self.confinement, "error": self._error}
        if event != self._told:
            self._told = event
            self._emit(0, event)
