"""Confines this process permanently: no new privileges, a seccomp filter, and Landlock if the host's kernel has it.

It does not need the container's engine, so it works on every runtime. Every child inherits the confinement, which can only be made
stricter.
"""
from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from typing import Dict, List, Sequence, Tuple

from . import landlock

_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
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

# name: (x86_64, aarch64); None where the architecture has no such call.
_MISSING: Dict[str, Tuple[int | None, int | None]] = {
    "clone3": (435, 435),  # its flags are in memory, which a filter cannot read; libc then uses clone
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "memfd_secret": (447, 447),
}
_REFUSED: Dict[str, Tuple[int | None, int | None]] = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "migrate_pages": (256, 238),
    "modify_ldt": (154, None),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "mq_getsetattr": (245, 185),
    "mq_notify": (244, 184),
    "mq_open": (240, 180),
    "mq_timedreceive": (243, 183),
    "mq_timedsend": (242, 182),
    "mq_unlink": (241, 181),
    "name_to_handle_at": (303, 264),
    "nfsservctl": (180, 42),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "uselib": (134, None),
    "vhangup": (153, 58),
}
# Calls that are refused with some arguments only.
_WATCHED: Dict[str, Tuple[int, int]] = {
    "clone": (56, 220),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
    "ioprio_set": (251, 30),
    "kill": (62, 129),
    "personality": (135, 92),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "prlimit64": (302, 261),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "setpriority": (141, 140),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "tgkill": (234, 131),
    "tkill": (200, 130),
}

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
    if machine not in _AUDIT_ARCH:
        raise OSError(errno.ENOSYS, "no seccomp filter for this architecture: %s" % machine)
    column = 0 if machine == "x86_64" else 1
    program: List[_Instruction] = [
        (_LOAD, 0, 0, _OFFSET_ARCH),
        (_JUMP_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, _RET_KILL_PROCESS),
        (_LOAD, 0, 0, _OFFSET_NR),
    ]
    if machine == "x86_64":
        program += [(_JUMP_GREATER_EQUAL, 0, 1, _X32_BIT), _errno(errno.ENOSYS)]
    for table, error in ((_MISSING, errno.ENOSYS), (_REFUSED, errno.EPERM)):
        for numbers in table.values():
            number = numbers[column]
            if number is not None:
                program += [(_JUMP_EQUAL, 0, 1, number), _errno(error)]
    rules = _rules(guarded, scoped)
    for name, pair in _WATCHED.items():
        body = rules[name] + [(_RETURN, 0, 0, _RET_ALLOW)]
        program += [(_JUMP_EQUAL, 0, len(body), pair[column]), *body]
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
    code = build_filter(platform.machine(), guarded, landlock.bounds_signals())
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)


def set_dumpable(dumpable: bool) -> None:
    """Sets whether other processes of the same user can inspect this one."""
    _prctl(_PR_SET_DUMPABLE, 1 if dumpable else 0, 0, 0, 0)


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
