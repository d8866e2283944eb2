"""Ends an execution at its timeout or an interrupt: sends SIGINT twice, then has the kernel replaced. Runs in the agent."""
from __future__ import annotations

from typing import Any, Callable

from agent.contract import KernelConfig

from .background_processes import BackgroundProcesses
from .execution import Execution


class Overrun:
    """MESSAGES.md, "Deadlines", lists the steps and their times. `can_signal` returns whether there is a kernel to interrupt."""

    def __init__(
        self,
        loop: Any,
        config: KernelConfig,
        processes: BackgroundProcesses,
        can_signal: Callable[[], bool],
        replace_kernel: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._second = config.second_interrupt_ms / 1000
        self._kill = config.kill_ms / 1000
        self._processes = processes
        self._can_signal = can_signal
        self._replace_kernel = replace_kernel

    def begin(self, execution: Execution) -> None:
        """Interrupts it. Variables are kept if it ends in time."""
        if self._can_signal():
            self._processes.interrupt()
            execution.timer = self._loop.call_later(self._second, self._interrupt_again, execution)

    def _interrupt_again(self, execution: Execution) -> None:
        """The first SIGINT may arrive just before the kernel begins the cell, or where Python ignores exceptions."""
        execution.timer = self._loop.call_later(self._kill - self._second, self._replace_kernel)
        if self._can_signal():
            self._processes.interrupt()
