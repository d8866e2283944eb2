"""The container's processes as /proc shows them, and ending them. Runs in the agent."""
from __future__ import annotations

import os
import signal
from typing import Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

from . import cgroup


_PF_EXITING = 0x4

# The agent's own child processes, such as an installer: no cell started them, so they are not ended with a cell's.
own: Set[int] = set()

# A process' pid and start, which distinguishes it from a later process with the same pid.
Identity = Tuple[int, int]


class Process(NamedTuple):
    """A process as in /proc."""

    pid: int
    parent: int
    group: int
    session: int
    started: int
    zombie: bool
    stopped: bool

    @property
    def identity(self) -> Identity:
        return self.pid, self.started


def is_init() -> bool:
    """Whether the agent is PID 1: only then may it end all other processes that it sees."""
    return os.getpid() == 1


def look(pid: int) -> Optional[Process]:
    fields = _stat(pid)
    if fields is None:
        return None
    state = fields[0]
    return Process(
        pid, int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19]), state in (b"Z", b"X"), state == b"T"
    )


def holds(pid: int, socket_inode: int) -> bool:
    """Whether a process has a socket open. True also for a process that cannot be inspected: it may have inherited the socket."""
    folder = "/proc/%d/fd" % pid
    wanted = "socket:[%d]" % socket_inode
    try:
        return any(_link(folder, name) == wanted for name in os.listdir(folder))
    except PermissionError:
        return True
    except OSError:
        return False


def is_ending(pid: int) -> bool:
    """Whether a process is exiting, which takes a while when it has much memory."""
    fields = _stat(pid)
    return fields is not None and int(fields[6]) & _PF_EXITING != 0


def processor_ticks(of: Iterable[int]) -> int:
    """Processor time of these processes, in ticks; ended ones have none."""
    ticks = 0
    for pid in of:
        fields = _stat(pid)
        if fields is not None:
            ticks += int(fields[11]) + int(fields[12])
    return ticks


def _link(folder: str, name: str) -> str:
    try:
        return os.readlink("%s/%s" % (folder, name))
    except OSError:
        return ""


def _stat(pid: int) -> Optional[List[bytes]]:
    """The fields of /proc/PID/stat from the third on, the state; None if the process has ended."""
    try:
        file = os.open("/proc/%d/stat" % pid, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fields = os.read(file, 4096).rpartition(b")")[2].split()
    except OSError:
        return None
    finally:
        os.close(file)
    return fields if len(fields) > 19 else None


def pids() -> List[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def snapshot(keep: Iterable[int]) -> Dict[int, Process]:
    """All processes except the agent, its own and those to keep."""
    kept = {os.getpid(), *own, *keep}
    found = {pid: look(pid) for pid in pids() if pid not in kept}
    return {pid: process for pid, process in found.items() if process is not None}


def family(found: Dict[int, Process], roots: Set[int]) -> Dict[int, Process]:
    """The roots and their descendants."""
    children: Dict[int, List[int]] = {}
    for pid, process in found.items():
        children.setdefault(process.parent, []).append(pid)
    reached: Set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in reached:
            reached.add(pid)
            waiting += children.get(pid, [])
    return {pid: found[pid] for pid in reached if pid in found}


def freeze() -> None:
    """Stops every process in the container at once, so that none can escape by forking. Does nothing unless PID 1."""
    if is_init():
        send(-1, signal.SIGSTOP)


def resume(stopped: Iterable[int]) -> None:
    """Resumes what freeze() has stopped, and always the agent's own."""
    if is_init():
        for pid in (*stopped, *own):
            if pid > 1:
                send(pid, signal.SIGCONT)


def number() -> int:
    """How many processes and threads there are; without a control group, processes only."""
    return cgroup.tasks() or len(pids())


def strike() -> None:
    """Kills every process in the container at once. Does nothing unless PID 1."""
    if is_init():
        send(-1, signal.SIGKILL)


def send(pid: int, number: int) -> bool:
    """Sends a signal; returns False if there is no such process. -1 means all, which only PID 1 may signal."""
    if pid == -1 and not is_init():
        raise ValueError("Cannot signal all processes: the agent is not PID 1")
    try:
        os.kill(pid, number)
        return True
    except OSError:
        return False


def kill(victims: Iterable[int]) -> None:
    for pid in victims:
        send(pid, signal.SIGKILL)
