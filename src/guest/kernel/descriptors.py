"""A kernel's file descriptors: a cell can close any of them or use up all. Runs in the kernel."""
from __future__ import annotations

import fcntl
import gc
import os
from typing import List

CONTROL_FD = 200
_RESERVED = 3
_FIRST_FREE_FD = 3

_dup2 = os.dup2
_close = os.close
_open = os.open
_listdir = os.listdir
_readlink = os.readlink
_collect = gc.collect
# The kernel's own socket, two of its event loop, and some that a cell keeps.
_FEW_SOCKETS = 6
# Always open and not sockets: the three standard streams, the reserve, and the folder that is being listed.
_OTHERS = 3 + _RESERVED + 1


class Reserve:
    """Reserves descriptors for the pipes of the next cell, in case a cell opens all others."""

    def __init__(self) -> None:
        self._fds: List[int] = []

    def release(self) -> None:
        while self._fds:
            _close(self._fds.pop())

    def fill(self) -> None:
        try:
            while len(self._fds) < _RESERVED:
                self._fds.append(fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, CONTROL_FD + 1))
        except OSError:
            pass


def point_streams(fds: List[int]) -> None:
    """Makes the first two descriptors stdout and stderr and closes all; stdin becomes /dev/null if a cell has closed it."""
    # If a cell closed 0, 1 or 2, a received descriptor may have that number.
    moved = [_above_standard(fd) for fd in fds]
    _restore_input()
    for number, fd in enumerate(moved[:2], 1):
        _dup2(fd, number)
    for fd in moved:
        _close(fd)


def close_forgotten_sockets() -> None:
    """Collects garbage when many are open: a cell's forgotten database connections stay open in reference cycles until then,
    and a sandbox has few."""
    sockets = 0
    try:
        names = _listdir("/proc/self/fd")
        if len(names) <= _FEW_SOCKETS + _OTHERS:
            return
        for name in names:
            try:
                sockets += _readlink("/proc/self/fd/" + name).startswith("socket:")
            except OSError:
                continue
    except OSError:
        return
    if sockets > _FEW_SOCKETS:
        _collect()


def settle(fd: int) -> int:
    """Moves the control socket away from 0, 1 and 2, which become /dev/null; returns its new number."""
    try:
        control = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, CONTROL_FD)
    except OSError:
        control = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE_FD)
    _close(fd)
    null = _open(os.devnull, os.O_RDWR)
    for number in range(3):
        _dup2(null, number)
    if null > 2:
        _close(null)
    return control


def _above_standard(fd: int) -> int:
    if fd >= _FIRST_FREE_FD:
        return fd
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE_FD)
    _close(fd)
    return moved


def _restore_input() -> None:
    try:
        fcntl.fcntl(0, fcntl.F_GETFD)
    except OSError:
        null = _open(os.devnull, os.O_RDWR)
        if null != 0:
            _dup2(null, 0)
            _close(null)
