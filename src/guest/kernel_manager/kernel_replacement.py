"""Ends a kernel and all processes of its executions, then has a new kernel forked. Runs in the agent."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Optional

from .background_processes import BackgroundProcesses
from .clearing import clear_all
from .kernel_manager import KernelManager
from .kernel_processes import KernelProcesses

if TYPE_CHECKING:
    from agent.message_types import Death


class KernelReplacement:
    """Runs one replacement at a time; `runs` is true meanwhile. Calls `on_late` with the kernel's death when all processes have ended, or after `late_seconds`;
    and `on_replaced` when another kernel may start."""

    def __init__(
        self,
        loop: Any,
        late_seconds: float,
        kernel: KernelManager,
        victims: KernelProcesses,
        background: BackgroundProcesses,
        on_late: "Callable[[Optional[Death]], None]",
        on_replaced: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._late_seconds = late_seconds
        self._kernel = kernel
        self._victims = victims
        self._background = background
        self._on_late = on_late
        self._on_replaced = on_replaced
        self.runs = False

    def begin(self, died: "Optional[Death]") -> None:
        """Ends the kernel's processes, then has a new kernel forked."""
        self.runs = True
        clear_all(self._loop, self._late_seconds, self._victims, lambda: self._on_late(died), self._on_cleared)

    def _on_cleared(self) -> None:
        self._kernel.drop()
        self._background.forget()
        self.runs = False
        self._kernel.start_if_none()
        self._on_replaced()
