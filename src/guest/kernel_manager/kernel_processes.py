"""Which processes belong to a context, and stopping and ending all of them. Runs in the agent."""
from __future__ import annotations

from typing import Callable, Dict, Iterable, List, NamedTuple, Set

from . import ownership, processes
from .processes import Process

# More processes than this are taken for a fork bomb.
_MANY = 128


class Pids(NamedTuple):
    """Pids, 0 for a process that does not run. `reaper`: the subreaper above the kernel; `others`: the subreapers of the other contexts."""

    zygote: int
    kernel: int
    reaper: int
    others: List[int]


class KernelProcesses:
    """The kernel, its subreaper and everything that its cells have started.

    If the agent is PID 1, these are all processes except the agent, its own children, the zygote and the descendants of other contexts'
    subreapers. They include processes whose subreaper has ended. Elsewhere they are the descendants of its subreaper, and there is no
    signal to all.
    """

    def __init__(self, pids: Callable[[], Pids]) -> None:
        self._pids = pids

    @property
    def kernel(self) -> int:
        """The kernel's pid; 0 while none runs."""
        return self._pids().kernel

    @property
    def alone(self) -> bool:
        """Whether the sandbox has no other context: then a signal to all reaches only this one's."""
        return not self._pids().others

    def all(self) -> Dict[int, Process]:
        """All of them, with those that have ended and are not reaped, but without the zygote's own children, which the zygote reaps."""
        zygote = self._pids().zygote
        found = self._own(processes.snapshot((zygote,)))
        return {pid: process for pid, process in found.items() if not (process.zombie and process.parent == zygote)}

    def of_cells(self) -> Dict[int, Process]:
        """The running ones, without the kernel and its subreaper."""
        pids = self._pids()
        apart = (pids.kernel, pids.reaper)
        return {pid: process for pid, process in self.all().items() if pid not in apart and not process.zombie}

    def are_many(self) -> bool:
        """Whether their number suggests a fork bomb."""
        # Of all contexts first, which takes one read instead of one for each process.
        return processes.number() > _MANY and (self.alone or len(self.all()) > _MANY)

    def freeze(self) -> None:
        """Stops them at once, so that none can escape by forking. Alone, the zygote and the agent's own are stopped, too.

        Only the signal to all stops every process before any can fork once more. If there are other contexts, theirs are resumed at once.
        """
        if self.alone:
            processes.freeze()
            return
        zygote = self._pids().zygote
        stopped = {pid for pid, process in processes.snapshot(()).items() if process.stopped}
        processes.freeze()
        found = processes.snapshot((zygote,))
        own = self._own(found)
        processes.resume((zygote, *(pid for pid in found if pid not in own and pid not in stopped)))

    def resume(self, also: Iterable[int] = (), with_kernel: bool = True) -> None:
        """Resumes the zygote and the agent's own after freeze(), kernel and subreaper unless they are to end, and `also`."""
        pids = self._pids()
        processes.resume((pids.zygote, *((pids.kernel, pids.reaper) if with_kernel else ()), *also))

    def strike(self) -> None:
        """Kills all processes of the sandbox at once, and the zygote with them: none can fork once more."""
        processes.strike()

    def _own(self, found: Dict[int, Process]) -> Dict[int, Process]:
        zygote, _, reaper, others = self._pids()
        is_init = processes.is_init()
        if is_init and not others:
            return found
        apart: Set[int] = {zygote, *others, *processes.own} - {0}
        return ownership.members(found, {reaper} - {0}, apart, with_strays=is_init, look=processes.look)
