"""Which processes belong to a kernel, and stopping and ending all of them. Runs in the agent."""
from __future__ import annotations

from typing import Callable, Dict, Iterable, Tuple

from . import processes
from .processes import Process


class KernelProcesses:
    """The kernel and everything that its cells have started. `pids` returns the pids of zygote and kernel; 0 for one that does not run.

    Where the agent is PID 1, all but the agent, its own and the zygote belong to the kernel, also those whose parent has ended.
    Elsewhere only the kernel's descendants and the members of its session do, and there is no signal to all.
    """

    def __init__(self, pids: Callable[[], Tuple[int, int]]) -> None:
        self._pids = pids

    @property
    def kernel(self) -> int:
        """The kernel's pid; 0 while none runs."""
        return self._pids()[1]

    def all(self) -> Dict[int, Process]:
        """The kernel's own too, and those that have ended but are not reaped; the zygote reaps its children itself."""
        zygote, kernel = self._pids()
        found = processes.snapshot((zygote,))
        if not processes.is_init():
            found = processes.family(found, {kernel} - {0}, kernel or -2)
        return {pid: process for pid, process in found.items() if not (process.zombie and process.parent == zygote)}

    def of_cells(self) -> Dict[int, Process]:
        """Those that run, without the kernel's own."""
        kernel = self.kernel
        return {pid: process for pid, process in self.all().items() if pid != kernel and not process.zombie}

    def freeze(self) -> None:
        """Stops them at once, so that none can escape by forking; the zygote and the agent's own are stopped, too."""
        processes.freeze()

    def resume(self, also: Iterable[int] = (), with_kernel: bool = True) -> None:
        """Resumes the zygote and the agent's own after freeze(), the kernel unless it is to end, and `also`."""
        zygote, kernel = self._pids()
        processes.resume((zygote, *((kernel,) if with_kernel else ()), *also))

    def strike(self) -> None:
        """Kills them at once, and the zygote with them: none can fork once more."""
        processes.strike()
