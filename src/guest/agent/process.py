"""The agent's own process: standard streams, log, signals, and protection from other processes."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from typing import Tuple

from agent.rate import Rate

PR_GET_DUMPABLE = 3
PR_SET_DUMPABLE = 4

# Rate limit of the agent's log, which the server copies to its own: a burst, then a rate.
_LOG_BURST_BYTES = 65536
_LOG_BYTES_PER_SECOND = 4096

# The size of stdin's pipe: the default of 64 KiB would be read at once; 1 MiB is the most that an unprivileged process may set.
_STDIN_BYTES = 1 << 20
# The size of stdout's pipe: its bytes go before the next frame of any stream, so it stays small.
_STDOUT_BYTES = 1 << 17
_F_SETPIPE_SZ = 1031

_rate = Rate(_LOG_BYTES_PER_SECOND, _LOG_BURST_BYTES)
# Bytes dropped since the last write.
_dropped = 0


def log_bytes(data: bytes) -> None:
    """Writes to stderr at a limited rate; drops the rest. Never blocks: stderr may have no reader."""
    global _dropped

    if _dropped:
        note = b"(%d bytes of the agent's log were dropped)\n" % _dropped
        data = note + data
    if _rate.take(time.monotonic(), len(data)) > 0:
        _dropped += len(data)
        return
    _dropped = 0
    try:
        os.write(2, data)
    except OSError:
        pass


def log(message: str) -> None:
    """Writes one line to stderr."""
    log_bytes(("omcp agent: %s\n" % message).encode("utf-8", "replace"))


def log_exception(what: str) -> None:
    """Writes the current exception with its traceback to stderr."""
    import traceback

    log("%s\n%s" % (what, traceback.format_exc(limit=12)[-8192:]))


def take_standard_streams() -> Tuple[int, int]:
    """Moves stdin and stdout away from 0 and 1, so that no child inherits them and printed text does not mix with frames.

    Both become close-on-exec and non-blocking; 0 and 1 become /dev/null.
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
    """Returns a signalfd for SIGTERM, which names the sender. Children must unblock the signal.

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
    """Reads one SIGTERM; returns whether a process outside the container sent it: those have no process id in here."""
    try:
        info = os.read(fd, 128)
    except BlockingIOError:
        return False
    sender = int.from_bytes(info[12:16], sys.byteorder)
    return sender == 0 or os.getpid() != 1


def outlive_others() -> None:
    """Makes Linux kill the agent last when memory runs out. Call it before make_undumpable(), which makes /proc/self unwritable."""
    try:
        with open("/proc/self/oom_score_adj", "r+", encoding="ascii") as file:
            if int(file.read()) > 0:
                file.write("0")
    except (OSError, ValueError) as error:
        log("Cannot lower the agent's oom_score_adj: %s" % error)


def make_undumpable() -> bool:
    """Keeps processes of the same user from reading our memory and descriptors. Returns whether we are still dumpable."""
    try:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        return bool(libc.prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
    except Exception as error:
        log("Cannot make PID 1 undumpable: %s" % error)
        return True


def descriptors_open(*descriptors: int) -> bool:
    """Whether a process of our user can open these descriptors of ours, although we are undumpable: under an old gVisor it can.

    A child tries it, before the first program of a user runs. What cannot be found out counts as yes.
    """
    try:
        child = os.fork()
    except OSError as error:
        log("Cannot find out whether our descriptors are protected: %s" % error)
        return True
    if child == 0:
        status = 1
        try:
            folder = "/proc/%d/fd" % os.getppid()
            status = 0 if not any(_can_open("%s/%d" % (folder, fd)) for fd in descriptors) else 1
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] != 0


def _can_open(path: str) -> bool:
    for flags in (os.O_RDONLY, os.O_WRONLY):
        try:
            os.close(os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC))
            return True
        except PermissionError:
            pass
    return False
