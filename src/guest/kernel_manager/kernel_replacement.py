"""Takes a kernel and all processes of its executions out of the way of a new one. Runs in the agent."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Optional

from .background_processes import BackgroundProcesses
from .clearing import clear_all
from .kernel_manager import KernelManager

if TYPE_CHECKING:
    from agent.message_types import Death


class KernelReplacement:
    """One at a time; `runs` while it does. `on_late` gets how the kernel died when all are gone, or after `late_seconds`."""

    def __init__(
        self,
        loop: Any,
        late_seconds: float,
        kernel: KernelManager,
        background: BackgroundProcesses,
        on_late: "Callable[[Optional[Death]], None]",
    ) -> None:
        self._loop = loop
        self._late_seconds = late_seconds
        self._kernel = kernel
        self._background = background
        self._on_late = on_late
        self.runs = False

    def begin(self, died: "Optional[Death]") -> None:
        """Ends all but the zygote, and then has a new kernel forked."""
        self.runs = True
        clear_all(
            self._loop, self._late_seconds, self._kernel.pids, lambda: self._on_late(died), self._on_cleared
        )

    def _on_cleared(self) -> None:
        self._kernel.pid = 0
        self._kernel.drop()
        self._background.forget()
        self.runs = False
        self._kernel.start_if_none()
