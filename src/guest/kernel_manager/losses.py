"""What cells are to be told of kernels and processes that ended, each once. Runs in the agent."""
from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

from .cell import cause_of_death
from .cgroup import OomKills


class Losses:
    """Processes that the memory limit has ended since the last reply, and the end of a kernel between two cells."""

    def __init__(self) -> None:
        self._oom_kills = OomKills()
        # Whether the kernel has run a cell: one without variables is no loss.
        self._used = False
        self._lost: Optional[Dict[str, Any]] = None

    def cell_begins(self) -> None:
        self._used = True

    def kernel_begins(self) -> None:
        self._used = False

    def asked_for(self) -> None:
        """Somebody has asked for a new kernel."""
        self._used = False
        self._lost = None

    def kernel_ended(self, status: int, in_cell: bool) -> Tuple[Dict[str, Any], Optional[str]]:
        """How, and why in words if we know it."""
        died, reason = cause_of_death(status, self._oom_kills.new())
        if self._used and not in_cell:
            self._lost = died
        return died, reason

    def report(self, reports: bool) -> Dict[str, Any]:
        """For a cell's reply. One that does not report leaves it to the next."""
        if not reports:
            return {"oom_kills": 0, "lost": None}
        found = {"oom_kills": self._oom_kills.new(), "lost": self._lost}
        self._oom_kills.forget()
        self._lost = None
        return found
