"""Ended kernels and processes that no reply has reported yet. Runs in the agent."""
from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Tuple

from .cgroup import OomKills
from .execution import cause_of_death

if TYPE_CHECKING:
    from agent.message_types import Death


class Losses:
    """Processes that the memory limit has ended since the last reply, and the end of a kernel between two cells."""

    def __init__(self) -> None:
        self._oom_kills = OomKills()
        # Whether the kernel has run a cell: losing one without variables is not reported.
        self._used = False
        self._lost: "Optional[Death]" = None

    def execution_begins(self) -> None:
        self._used = True

    def kernel_begins(self) -> None:
        self._used = False

    def asked_for(self) -> None:
        """The server has requested a new kernel."""
        self._used = False
        self._lost = None

    def kernel_ended(self, status: int, in_execution: bool) -> "Tuple[Death, Optional[str]]":
        """How it ended, and the reason for a reader if there is one."""
        died, reason = cause_of_death(status, self._oom_kills.new())
        if self._used and not in_execution:
            self._lost = died
        return died, reason

    def report(self) -> "Tuple[int, Optional[Death]]":
        """The number of processes and the kernel's end, once."""
        found = self._oom_kills.new(), self._lost
        self._oom_kills.forget()
        self._lost = None
        return found
