"""The kernel's execution state, and its reports to the server. Runs in the agent."""
from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Optional

if TYPE_CHECKING:
    from agent.message_types import AgentError, Confinement, ErrorCode, Event, ExecutionState, KernelStateName

# Takes the id of a request, or 0, and an event.
Emit = Callable[[int, "Event"], None]


class KernelState:
    """Each change of state, confinement or error is one `execution_state` event."""

    def __init__(self, emit: Emit, context: str, confinement: "Optional[Confinement]") -> None:
        self._emit = emit
        self._context = context
        self._reported: "Optional[ExecutionState]" = None
        self._error: "Optional[AgentError]" = None
        self.now: "KernelStateName" = "starting"
        self.confinement = confinement

    @property
    def error(self) -> "AgentError":
        """Why no kernel runs."""
        return self._error or {"code": "kernel_unavailable", "message": "There is no kernel"}

    def begin(self) -> None:
        self._error = None
        self.now = "starting"

    def die(self, code: "ErrorCode", message: str) -> None:
        self._error = {"code": code, "message": message}
        self.report("dead")

    def report(self, state: "KernelStateName") -> None:
        self.now = state
        event: "ExecutionState" = {
            "type": "execution_state",
            "context": self._context,
            "state": state,
            "confinement": self.confinement,
            "error": self._error,
        }
        if event != self._reported:
            self._reported = event
            self._emit(0, event)
