"""The agent's end of the pipe from a subreaper, which reports its kernel's start and end. Runs in the agent."""
from __future__ import annotations

import os
import signal
from typing import Any, Callable

from kernel.subreaper import RECORD

from . import processes


class Reaper:
    """Reads the reports on one kernel. Calls `on_exit` once with the kernel's wait status, unless close() comes first; raises OSError without a pipe.

    `pid` is 0 until the subreaper has reported it, and when it has ended.
    """

    def __init__(self, loop: Any, on_exit: Callable[[int], None]) -> None:
        self._loop = loop
        self._on_exit = on_exit
        self.pid = 0
        self._kernel = 0
        self._fd, self._other = os.pipe()
        os.set_blocking(self._fd, False)
        loop.add_reader(self._fd, self.read)

    def take_other_end(self) -> int:
        """The end to write to, which the caller closes."""
        other, self._other = self._other, -1
        return other

    def started(self, pid: int, kernel: int) -> None:
        """Records that both run. The subreaper and the kernel each report it, in any order."""
        self.pid, self._kernel = pid, kernel

    def kill(self) -> None:
        """Ends the subreaper: its processes become PID 1's children."""
        if self.pid:
            processes.kill([self.pid])

    def close(self) -> None:
        """Ends the subreaper without a further report. If it has not reported its start yet, it ends by itself, because nobody reads the pipe."""
        self.kill()
        self.pid = 0
        if self._other >= 0:
            os.close(self._other)
            self._other = -1
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def read(self) -> None:
        """Handles what it has reported so far."""
        if self._fd < 0:
            return
        try:
            data = os.read(self._fd, 16 * RECORD.size)
        except BlockingIOError:
            return
        # Only the subreaper has the other end, and it writes whole records: user code cannot write here.
        for first, second in RECORD.iter_unpack(data[: len(data) - len(data) % RECORD.size]):
            if first == self._kernel:
                self._end(second)
                return
            self.started(first, second)
        if not data:
            # It was killed, or could not fork: nobody else reports how the kernel ended.
            self.pid = 0
            self._end(int(signal.SIGKILL))

    def _end(self, status: int) -> None:
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self._fd = -1
        self._on_exit(status)
