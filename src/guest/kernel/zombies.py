"""Reaps a kernel's ended children that user code has not waited for. Runs in the kernel."""
from __future__ import annotations

import os
import sys

_MANY = 16

_waitid = os.waitid
_waitpid = os.waitpid


def reap(pid: int) -> None:
    """Reaps zombies if there are many, before they use up the process limit; Popen objects get their exit codes."""
    if _zombies(pid) <= _MANY:
        return
    subprocess = sys.modules.get("subprocess")
    if subprocess is not None:
        import gc

        for thing in gc.get_objects():
            if type(thing) is subprocess.Popen:
                thing.poll()
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None:
        multiprocessing.active_children()
    try:
        while _waitpid(-1, os.WNOHANG)[0] > 0:
            pass
    except OSError:
        pass


def _zombies(pid: int) -> int:
    """The number of zombies. Needs one system call if there are none."""
    try:
        if _waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return 0
    except OSError:
        return 0
    count = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
                count += fields[0] == b"Z" and int(fields[1]) == pid
            except OSError:
                continue
    return count
