"""Finds out from /proc whether a kernel's main thread waits for its next message. Runs in the agent.

Code in the kernel's process can send anything over the kernel's socket; it cannot forge where the main thread is, except by
waiting for the message itself.
"""
from __future__ import annotations

import os
import time
from typing import Optional, Tuple

_RECVMSG = {"x86_64": 47, "aarch64": 212}
_FUTEX = {"x86_64": 202, "aarch64": 98}


# Seconds of sleep that count as waiting where /proc does not show the system call.
_RESTS = 0.01


class MainThread:
    """The main thread of one kernel. Create it before the kernel runs user code, which could make /proc unreadable."""

    def __init__(self, pid: int, fd: int, inode: int) -> None:
        self._descriptor = "/proc/%d/fd/%d" % (pid, fd)
        self._socket = "socket:[%d]" % inode
        self._folder = "/proc/%d/task/%d/" % (pid, pid)
        self._call = b"%d 0x%x " % (_RECVMSG.get(os.uname().machine, -1), fd)
        self._lock = b"%d " % _FUTEX.get(os.uname().machine, -1)
        self._file: Optional[int] = None
        self._idle: Optional[Tuple[int, ...]] = None
        self._idle_since = 0.0
        try:
            self._file = os.open(self._folder + "syscall", os.O_RDONLY | os.O_CLOEXEC)
            os.pread(self._file, 256, 0)
            os.readlink(self._descriptor)
        except OSError:
            self.close()

    def waits(self) -> bool:
        """Whether it waits now; the caller asks repeatedly."""
        if self._file is None:
            return self._rests()
        try:
            # The descriptor alone may be another socket now.
            return os.pread(self._file, 256, 0).startswith(self._call) and os.readlink(self._descriptor) == self._socket
        except OSError:
            # It was readable before: the process has made it unreadable.
            return False

    def waits_for_lock(self) -> bool:
        """Whether it waits for a lock; False if /proc does not show it."""
        try:
            return self._file is not None and os.pread(self._file, 256, 0).startswith(self._lock)
        except OSError:
            return False

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _rests(self) -> bool:
        """Where the system call cannot be seen (gVisor, a strict Yama): it sleeps, and has not run for a while."""
        try:
            with open(self._folder + "stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            with open(self._folder + "status", "rb") as file:
                switches = [int(line.split()[1]) for line in file if b"ctxt_switches:" in line]
            now = (int(fields[11]), int(fields[12]), *switches)
        except (OSError, IndexError, ValueError):
            return True
        if fields[0] != b"S" or now != self._idle:
            self._idle = now
            self._idle_since = time.monotonic()
            return False
        return time.monotonic() - self._idle_since >= _RESTS
