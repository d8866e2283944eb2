"""What the agent does to its own process: its standard streams, its log, who may look into it."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from typing import Tuple

PR_GET_DUMPABLE = 3
PR_SET_DUMPABLE = 4

# The most of our own words that reach the server's log: so much at once, then so much a second.
_LOG_BURST_BYTES = 65536
_LOG_BYTES_PER_SECOND = 4096

# A pipe of the default 64 KiB would be drained in one read; 1 MiB is what an unprivileged process may ask for.
_STDIN_BYTES = 1 << 20
# What is in the pipe goes before what another stream sends next.
_STDOUT_BYTES = 1 << 17
_F_SETPIPE_SZ = 1031


class _Allowance:
    """How many bytes may still be said on stderr."""

    def __init__(self) -> None:
        self.left = float(_LOG_BURST_BYTES)
        self.at = time.monotonic()
        self.dropped = 0

    def take(self, wanted: int) -> bool:
        now = time.monotonic()
        self.left = min(float(_LOG_BURST_BYTES), self.left + (now - self.at) * _LOG_BYTES_PER_SECOND)
        self.at = now
        if wanted > self.left:
            return False
        self.left -= wanted
        return True


_allowance = _Allowance()


def log_bytes(data: bytes) -> None:
    """Writes to stderr what the allowance still covers. Never waits: nobody may be reading."""
    if _allowance.dropped:
        note = b"(%d bytes of the agent's log were dropped)\n" % _allowance.dropped
        data = note + data
    if not _allowance.take(len(data)):
        _allowance.dropped += len(data)
        return
    _allowance.dropped = 0
    try:
        os.write(2, data)
    except OSError:
        pass


def log(message: str) -> None:
    """Says one line on stderr."""
    log_bytes(("omcp agent: %s\n" % message).encode("utf-8", "replace"))


def log_exception(what: str) -> None:
    """Says on stderr what is being raised, with its traceback."""
    import traceback

    log("%s\n%s" % (what, traceback.format_exc(limit=12)[-8192:]))


def take_standard_streams() -> Tuple[int, int]:
    """Moves stdin and stdout away from 0 and 1, so that no child gets them and nothing printed is taken for frames.

    Both are close-on-exec and non-blocking; 0 and 1 are /dev/null afterwards.
    """
    source = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 10)
    sink = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 10)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    if null > 2:
        os.close(null)
    for fd, size in ((source, _STDIN_BYTES), (sink, _STDOUT_BYTES)):
        os.set_blocking(fd, False)
        try:
            fcntl.fcntl(fd, _F_SETPIPE_SZ, size)
        except OSError:
            pass
    os.set_blocking(2, False)
    sys.stdin = sys.stdout = None
    return source, sink


def take_sigterm() -> int:
    """Turns SIGTERM into a descriptor, whose reading tells who sent it. Children must unblock the signal.

    Raises OSError, ImportError.
    """
    import ctypes
    import signal

    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
    mask = ctypes.create_string_buffer(128)  # sigset_t of glibc and musl
    ctypes.memmove(mask, (1 << (signal.SIGTERM - 1)).to_bytes(8, sys.byteorder), 8)
    fd = int(ctypes.CDLL(None, use_errno=True).signalfd(-1, mask, os.O_NONBLOCK | os.O_CLOEXEC))
    if fd < 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))
        raise OSError(ctypes.get_errno(), "signalfd")
    return fd


def sigterm_from_outside(fd: int) -> bool:
    """Reads one SIGTERM; whether it came from outside of the container, where no process id is visible to us."""
    try:
        info = os.read(fd, 128)
    except BlockingIOError:
        return False
    sender = int.from_bytes(info[12:16], sys.byteorder)
    return sender == 0 or os.getpid() != 1


def outlive_others() -> None:
    """Has the kernel end us last when memory runs out. Before make_undumpable(), which takes our files in /proc away."""
    try:
        with open("/proc/self/oom_score_adj", "r+", encoding="ascii") as file:
            if int(file.read()) > 0:
                file.write("0")
    except (OSError, ValueError) as error:
        log("Cannot lower the agent's oom_score_adj: %s" % error)


def make_undumpable() -> bool:
    """Keeps processes of the same user out of our memory and descriptors. Returns whether we still are dumpable."""
    try:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        return bool(libc.prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
    except Exception as error:
        log("Cannot make PID 1 undumpable: %s" % error)
        return True
