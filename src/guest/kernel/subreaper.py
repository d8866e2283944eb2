"""The process between the zygote and a kernel: it adopts every orphan below it, so that its descendants are the kernel's context.

Linux gives a process whose parent has ended to the nearest ancestor that is a subreaper, whatever sessions, groups or forks lie between.
A fork of the zygote: it runs no user code, ignores signals as the zygote does, and no kernel below it may signal it. Without it, its
processes become PID 1's children, and the agent ends them.
"""
from __future__ import annotations

import os
import signal
import struct
from typing import Callable, NoReturn

from . import confine

# Two integers: first the pids of this process and of the kernel, then, when the kernel has ended, its pid and its wait status.
RECORD = struct.Struct("=ii")
_OOM_SCORE = 20


def run(report: int, control: int, become_kernel: Callable[[], NoReturn]) -> NoReturn:
    """Forks the kernel and reaps every process below, until the agent kills it.

    `report`: a pipe to the agent for the records; `control`: the kernel's socket, which only the kernel keeps.
    """
    try:
        # The zygote's, or wait() would see no child.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # When memory runs out, Linux ends cells' processes first (without Landlock they can lower their own score), then this one, with
        # which the context loses its variables, and the agent last.
        confine.set_dumpable(True)
        confine.set_oom_score(_OOM_SCORE)
        confine.set_dumpable(False)
        confine.guard(os.getpid())
        confine.adopt_orphans()
        kernel = os.fork()
        if kernel == 0:
            os.close(report)
            become_kernel()
        os.close(control)
        os.write(report, RECORD.pack(os.getpid(), kernel))
        while True:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
            if ended is not None and ended.si_pid == kernel:
                # Before it is reaped: once its process is gone, its report has been sent.
                os.write(report, RECORD.pack(kernel, _wait_status(ended)))
            if ended is not None:
                os.waitpid(ended.si_pid, 0)
    except OSError:
        # No fork, no children left, or the agent does not want this kernel any more: it sees the end of the pipe.
        pass
    finally:
        os._exit(0)


def _wait_status(ended: os.waitid_result) -> int:
    """The status in the form that waitpid() returns."""
    if ended.si_code == os.CLD_EXITED:
        return ended.si_status << 8
    return ended.si_status | (0x80 if ended.si_code == os.CLD_DUMPED else 0)
