"""Confines this process permanently: no new privileges, a seccomp filter, and Landlock if the host's kernel has it.

It does not need the container's engine, so it works on every runtime. Every child inherits the confinement, which can only be made
stricter.
"""
from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import Dict, List, Sequence, Tuple

from . import landlock
from .system_calls import MISSING as _MISSING, REFUSED as _REFUSED, WATCHED as _WATCHED

_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2

_RET_KILL_PROCESS = 0x80000000
_RET_ERRNO = 0x00050000
_RET_ALLOW = 0x7FFF0000

# struct seccomp_data: int nr; u32 arch; u64 instruction_pointer; u64 args[6] (both architectures are little-endian).
_OFFSET_NR = 0
_OFFSET_ARCH = 4
_OFFSET_ARGS = 16

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_GREATER_EQUAL = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_JUMP_ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x40000000

_AF_UNIX = 1
_CLONE_NAMESPACES = 0x7E020000  # CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}
_TIOCSTI = 0x5412
_TIOCLINUX = 0x541C
_FIOSETOWN = 0x8901
_SIOCSPGRP = 0x8902
_F_SETOWN = 8
_F_SETSIG = 10
_F_SETOWN_EX = 15
_SIGKILL = 9
_SIGSTOP = 19
# glibc's own, which cannot be ignored.
_SIGCANCEL = 32
_SIGSETXID = 33

# Of the watched calls, those that reach a process by its pid.
_GUARDS = (
    "kill", "tgkill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open", "ioprio_set", "setpriority",
    "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler",
)

_Instruction = Tuple[int, int, int, int]


def _errno(number: int) -> _Instruction:
    return (_RETURN, 0, 0, _RET_ERRNO | number)


def _argument(index: int) -> _Instruction:
    return (_LOAD, 0, 0, _OFFSET_ARGS + 8 * index)


def _upper_half(index: int) -> _Instruction:
    """The upper 32 bits of an argument."""
    return (_LOAD, 0, 0, _OFFSET_ARGS + 8 * index + 4)


def _refuse_if(values: Sequence[int]) -> List[_Instruction]:
    """Refuses when the loaded word is one of the values."""
    program: List[_Instruction] = []
    for value in values:
        program += [(_JUMP_EQUAL, 0, 1, value & 0xFFFFFFFF), _errno(errno.EPERM)]
    return program


def _refuse_unless(values: Sequence[int]) -> List[_Instruction]:
    """Refuses when the loaded word is not one of the values."""
    program: List[_Instruction] = []
    for position, value in enumerate(values):
        program.append((_JUMP_EQUAL, len(values) - position, 0, value & 0xFFFFFFFF))
    return program + [_errno(errno.EPERM)]


def _rules(guarded: Sequence[int], scoped: bool) -> Dict[str, List[_Instruction]]:
    """The checks of a call's arguments. `guarded` are processes that must not be signalled or inspected."""
    first = [_argument(0)]
    second = [_argument(1)]
    hands_off = _refuse_if(guarded)
    # Signals to process groups and to -1 (all) would reach guarded processes too.
    signals = first + _refuse_if([*guarded, -1, *(-pid for pid in guarded)])
    # A filter cannot see whose descriptor it is: /proc/1 is one, and a socket provides its peer's. So only plain signals pass: no
    # forged sender (the agent would take it for the engine), no group. Without Landlock's scope, those that the zygote cannot ignore
    # are refused too; a process can signal its own child with kill().
    by_descriptor = [_argument(2), *_refuse_unless([0]), _upper_half(2), *_refuse_unless([0]), _argument(3), *_refuse_unless([0])]
    if not scoped:
        by_descriptor += second + _refuse_if([_SIGKILL, _SIGSTOP, _SIGCANCEL, _SIGSETXID])
    return {
        "clone": first + [(_JUMP_ANY_BIT, 0, 1, _CLONE_NAMESPACES), _errno(errno.EPERM)],
        # Signals on readiness reach any process of the same user, and look as if they came from outside.
        "fcntl": second + _refuse_if([_F_SETOWN, _F_SETOWN_EX, _F_SETSIG]),
        "ioctl": second + _refuse_if([_TIOCSTI, _TIOCLINUX, _FIOSETOWN, _SIOCSPGRP]),
        "ioprio_set": first + _refuse_unless([1]) + second + hands_off,
        "kill": signals,
        "personality": first + _refuse_unless([0, 0xFFFFFFFF]),
        "pidfd_open": first + hands_off,
        "pidfd_send_signal": by_descriptor,
        # With another pid it could lower PID 1's limits on descriptors and memory.
        "prlimit64": first + _refuse_unless([0]),
        "rt_sigqueueinfo": signals,
        "rt_tgsigqueueinfo": first + hands_off + second + hands_off,
        "sched_setaffinity": first + hands_off,
        "sched_setattr": first + hands_off,
        "sched_setparam": first + hands_off,
        "sched_setscheduler": first + hands_off,
        "setpriority": first + _refuse_unless([0]) + second + hands_off,
        "socket": first + _refuse_unless([_AF_UNIX]),
        "socketpair": first + _refuse_unless([_AF_UNIX]),
        "tgkill": first + hands_off + second + hands_off,
        "tkill": first + hands_off,
    }


def build_filter(machine: str, guarded: Sequence[int], scoped: bool) -> bytes:
    """The BPF program for an architecture. Raises OSError for an unsupported one. `scoped`: Landlock bounds signals, too."""
    column = _column(machine)
    program: List[_Instruction] = []
    if machine == "x86_64":
        program += [(_JUMP_GREATER_EQUAL, 0, 1, _X32_BIT), _errno(errno.ENOSYS)]
    for table, error in ((_MISSING, errno.ENOSYS), (_REFUSED, errno.EPERM)):
        for numbers in table.values():
            number = numbers[column]
            if number is not None:
                program += [(_JUMP_EQUAL, 0, 1, number), _errno(error)]
    return _assemble(machine, program, _rules(guarded, scoped))


def build_guard(machine: str, guarded: int) -> bytes:
    """The BPF program that only refuses to signal or inspect this process, for processes that already have the whole filter."""
    rules = _rules([guarded], True)
    return _assemble(machine, [], {name: rules[name] for name in _GUARDS})


def _column(machine: str) -> int:
    if machine not in _AUDIT_ARCH:
        raise OSError(errno.ENOSYS, "no seccomp filter for this architecture: %s" % machine)
    return 0 if machine == "x86_64" else 1


def _assemble(machine: str, program: List[_Instruction], rules: Dict[str, List[_Instruction]]) -> bytes:
    column = _column(machine)
    program = [
        (_LOAD, 0, 0, _OFFSET_ARCH),
        (_JUMP_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, _RET_KILL_PROCESS),
        (_LOAD, 0, 0, _OFFSET_NR),
        *program,
    ]
    for name, rule in rules.items():
        body = rule + [(_RETURN, 0, 0, _RET_ALLOW)]
        program += [(_JUMP_EQUAL, 0, len(body), _WATCHED[name][column]), *body]
    program.append((_RETURN, 0, 0, _RET_ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


class _Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def _prctl(*arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, "prctl: %s" % os.strerror(number))


def install_filter(guarded: Sequence[int]) -> None:
    """Sets no_new_privs and installs the filter for this process and all that it starts. Raises OSError."""
    _install(build_filter(os.uname().machine, guarded, landlock.bounds_signals()))


def guard(pid: int) -> None:
    """Installs a second filter for this process and all that it starts: they cannot signal `pid`. Raises OSError."""
    _install(build_guard(os.uname().machine, pid))


def _install(code: bytes) -> None:
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)


def adopt_orphans() -> None:
    """Makes this process the new parent of every descendant whose parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def set_dumpable(dumpable: bool) -> None:
    """Sets whether other processes of the same user can inspect this one."""
    _prctl(_PR_SET_DUMPABLE, 1 if dumpable else 0, 0, 0, 0)


def set_oom_score(score: int) -> None:
    """Sets how early Linux ends this process when memory runs out, 1000 first; a process can undo it unless Landlock hides the file.

    The file is root's while the process is undumpable.
    """
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("%d" % score)
    except OSError:
        pass


def facts(landlock_abi: int) -> Dict[str, object]:
    """The effective confinement of this process, as the operating system reports it."""
    found = {"NoNewPrivs": 0, "Seccomp": 0, "Seccomp_filters": 0}
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        for line in status:
            name, _, value = line.partition(":")
            if name in found:
                found[name] = int(value)
    return {
        "no_new_privs": found["NoNewPrivs"] == 1,
        "seccomp": found["Seccomp"],
        "filters": found["Seccomp_filters"],
        "landlock": landlock_abi,
    }


def restrict_files() -> int:
    """Landlock: allows writes only in the sandbox's folders, no signals to outside and no TCP. Returns its ABI version, 0 without it."""
    return landlock.restrict()
