"""Landlock by direct system calls: an additional layer to read-only mounts and namespaces, if the host's kernel has it."""
from __future__ import annotations

import ctypes
import os
import struct

# The numbers are the same on every architecture.
_CREATE_RULESET = 444
_ADD_RULE = 445
_RESTRICT_SELF = 446
_VERSION = 1
_RULE_PATH_BENEATH = 1

_WRITE_FILE = 1 << 1
_REMOVE = 1 << 4 | 1 << 5  # directories, files
_MAKE_DEVICE = 1 << 6 | 1 << 11
_MAKE = 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 12  # directory, file, socket, FIFO, symbolic link
_REFER = 1 << 13  # since ABI 2
_TRUNCATE = 1 << 14  # since ABI 3
_TCP = 1 << 0 | 1 << 1  # bind, connect; since ABI 4
_SCOPES = 1 << 0 | 1 << 1  # abstract sockets, signals
_SCOPES_SINCE = 6

_WRITABLE = ("/workspace", "/tmp", "/run", "/dev/shm", "/var/tmp")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/ptmx", "/dev/pts", "/dev/random", "/dev/urandom")


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc


def available() -> int:
    """The version of Landlock's interface that this process can use; 0 without Landlock."""
    return max(0, int(_libc().syscall(ctypes.c_long(_CREATE_RULESET), None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION))))


def bounds_signals() -> bool:
    """Whether restrict() blocks signals to processes outside: since ABI 6, Linux 6.12."""
    return available() >= _SCOPES_SINCE


def restrict() -> int:
    """Restricts this process and its children. Returns the effective ABI version; 0 without Landlock."""
    abi = available()
    if abi < 1:
        return 0
    libc = _libc()
    changes = _WRITE_FILE | _REMOVE | _MAKE
    changes |= (_REFER if abi >= 2 else 0) | (_TRUNCATE if abi >= 3 else 0)
    attributes = struct.pack(
        "=QQQ", changes | _MAKE_DEVICE, _TCP if abi >= 4 else 0, _SCOPES if abi >= _SCOPES_SINCE else 0
    )
    size = 24 if abi >= _SCOPES_SINCE else 16 if abi >= 4 else 8
    ruleset = libc.syscall(
        ctypes.c_long(_CREATE_RULESET), ctypes.c_char_p(attributes), ctypes.c_size_t(size), ctypes.c_uint(0)
    )
    if ruleset < 0:
        return 0
    try:
        for path in _WRITABLE:
            _allow(libc, ruleset, path, changes)
        for path in _DEVICES:
            _allow(libc, ruleset, path, changes & (_WRITE_FILE | _TRUNCATE))
        done = libc.syscall(ctypes.c_long(_RESTRICT_SELF), ctypes.c_int(ruleset), ctypes.c_uint(0))
        return abi if done == 0 else 0
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        where = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rule = struct.pack("=Qi", rights, where)
        libc.syscall(
            ctypes.c_long(_ADD_RULE),
            ctypes.c_int(ruleset),
            ctypes.c_int(_RULE_PATH_BENEATH),
            ctypes.c_char_p(rule),
            ctypes.c_uint(0),
        )
    finally:
        os.close(where)
