"""Processes that cells leave running: they belong to the kernel and are reported once. Runs in the agent."""
from __future__ import annotations

import signal
from typing import Any, Callable, Dict, Set

from . import processes
from .kernel_processes import KernelProcesses
from .processes import Identity, Process

# Seconds.
_END = 0.3
_POLL = 0.004
# How long a process that Python has forked may take to close the kernel's socket: its first step, but on a busy machine it waits.
_CLOSES = 0.5


class BackgroundProcesses:
    """Identifies processes by pid and start time."""

    def __init__(self, processes_of_kernel: KernelProcesses) -> None:
        self._processes = processes_of_kernel
        # Processes from before this execution, including those that threads of earlier cells started between cells.
        self._earlier: Set[Identity] = set()
        self._reported: Set[Identity] = set()

    def count(self) -> int:
        """How many are running."""
        return len(self._processes.of_cells())

    def execution_begins(self, control: int, waited: float) -> bool:
        """Records the processes before an execution. Returns False while one has the kernel's socket (by its inode): ask again.

        Such a process could read the cell from the socket. Python closes the socket in its own forks. Forks by libc keep it, and a cell
        can pass it to a process; such processes are killed. `waited`: the seconds that the execution has waited for them.
        """
        found = self._processes.of_cells()
        self._earlier = _identities(found)
        holders = [pid for pid in found if processes.holds(pid, control)]
        # The time is that of the execution, not of each process: new ones could follow each other without end.
        if waited >= _CLOSES:
            processes.kill(holders)
        return not holders

    def interrupt(self) -> None:
        """Sends SIGINT to the kernel and to what the cell has started in its process group, as a terminal would.

        Not to the group: workers of earlier cells are in it.
        """
        kernel = self._processes.kernel
        crowd = self._processes.are_many()
        if crowd:
            # Perhaps a fork bomb: while it runs, neither the agent nor the kernel makes progress.
            self._processes.freeze()
            self._processes.resume()
        # The kernel first: an interrupt just when its child ends would make it lose the child's status.
        processes.send(kernel, signal.SIGINT)
        if crowd:
            # They end with the execution, whether or not it responds to the interrupt.
            return
        for pid, process in _not_of(self._earlier, self._processes.of_cells()).items():
            if process.group == kernel:
                processes.send(pid, signal.SIGINT)

    def has_new(self) -> bool:
        """Whether a process runs that began during the execution."""
        return bool(_not_of(self._earlier, self._processes.of_cells()))

    def end_new(self, loop: Any, is_over: Callable[[], bool], on_ended: Callable[[bool], None]) -> None:
        """Kills what the execution has started, in rounds: a timer can resume a stopped process.

        All processes are stopped meanwhile: otherwise one could fork a child that is not in the list. `on_ended` gets False if it
        takes too long.
        """
        if not self._processes.are_many() and not self.has_new():
            on_ended(True)
            return
        until = loop.time() + _END

        def look() -> None:
            if is_over():
                return
            self._processes.freeze()
            found = self._processes.of_cells()
            new = _not_of(self._earlier, found)
            processes.kill(new)
            late = loop.time() >= until
            if new and not late:
                loop.call_later(_POLL, look)
                return
            self._processes.resume(found)
            on_ended(not new)

        look()

    def report(self) -> int:
        """The number of processes that no reply has reported."""
        found = self._processes.of_cells()
        new = _not_of(self._reported, found)
        self._reported = _identities(found)
        return len(new)

    def forget(self) -> None:
        """Forgets all: they have ended."""
        self._earlier.clear()
        self._reported.clear()


def _identities(found: Dict[int, Process]) -> Set[Identity]:
    return {process.identity for process in found.values()}


def _not_of(known: Set[Identity], found: Dict[int, Process]) -> Dict[int, Process]:
    """The processes that are neither known nor descend from a known one."""
    roots = {pid for pid, process in found.items() if process.identity in known}
    theirs = processes.family(found, roots) if roots else {}
    return {pid: process for pid, process in found.items() if pid not in theirs}
