"""Tries system calls that a sandbox must not be able to make. Prints {name: errno name, or what it returned}."""
from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import platform
from typing import Dict, List, Tuple

LIBC = ctypes.CDLL(None, use_errno=True)
COLUMN = {"x86_64": 0, "aarch64": 1}[platform.machine()]
BUFFER = ctypes.create_string_buffer(4096)
AT = ctypes.addressof(BUFFER)

# name: (number on x86_64, on aarch64; -1 where it does not exist, arguments that the bare kernel would take or refuse otherwise)
CALLS: Dict[str, Tuple[int, int, List[int]]] = {
    "acct": (163, 89, [0]),
    "add_key": (248, 217, [AT, AT, AT, 1, 0xFFFFFFFE]),
    "adjtimex": (159, 171, [AT]),
    "bpf": (321, 280, [0, AT, 72]),
    "chroot": (161, 51, [AT]),
    "clone(CLONE_NEWUSER)": (56, 220, [0x10000000 | 17, 0, 0, 0, 0]),
    "clone(CLONE_NEWNET)": (56, 220, [0x40000000 | 17, 0, 0, 0, 0]),
    "clone3": (435, 435, [AT, 88]),
    "delete_module": (176, 106, [AT, 0]),
    "fanotify_init": (300, 262, [0, 0]),
    "finit_module": (313, 273, [-1, AT, 0]),
    "fsmount": (432, 432, [-1, 0, 0]),
    "fsopen": (430, 430, [AT, 0]),
    "get_kernel_syms": (177, -1, [0]),
    "init_module": (175, 105, [AT, 0, AT]),
    "inotify_init1": (294, 26, [0]),
    "io_setup": (206, 0, [1, AT]),
    "io_uring_enter": (426, 426, [-1, 0, 0, 0, 0]),
    "io_uring_register": (427, 427, [-1, 0, 0, 0]),
    "io_uring_setup": (425, 425, [1, AT]),
    "ioperm": (173, -1, [0, 1, 1]),
    "iopl": (172, -1, [3]),
    "kcmp": (312, 272, [1, 1, 0, 0, 0]),
    "kexec_file_load": (320, 294, [-1, -1, 0, AT, 0]),
    "kexec_load": (246, 104, [0, 0, 0, 0]),
    "keyctl": (250, 219, [0, 0xFFFFFFFD, 0]),
    "landlock-free mount_setattr": (442, 442, [-1, AT, 0, AT, 32]),
    "lookup_dcookie": (212, 18, [0, AT, 10]),
    "mbind": (237, 235, [0, 0, 0, 0, 0, 0]),
    "memfd_secret": (447, 447, [0]),
    "migrate_pages": (256, 238, [0, 0, 0, 0]),
    "mknod(character device)": (133, -1, [AT, 0o020666, 0x103]),
    "mknodat(block device)": (259, 33, [-100, AT, 0o060666, 0x700]),
    "modify_ldt": (154, -1, [0, AT, 16]),
    "mount": (165, 40, [AT, AT, AT, 0, 0]),
    "move_mount": (429, 429, [-1, AT, -1, AT, 0]),
    "move_pages": (279, 239, [0, 0, 0, 0, 0, 0]),
    "mq_open": (240, 180, [AT, 0o102, 0o600, 0]),
    "name_to_handle_at": (303, 264, [-100, AT, AT, AT, 0]),
    "open_by_handle_at": (304, 265, [-100, AT, 0]),
    "open_tree": (428, 428, [-100, AT, 0]),
    "perf_event_open": (298, 241, [AT, 0, -1, -1, 0]),
    "personality": (135, 92, [0x0040000]),
    "personality (query)": (135, 92, [0xFFFFFFFF]),
    "pidfd_getfd": (438, 438, [-1, 0, 0]),
    "pivot_root": (155, 41, [AT, AT]),
    "process_madvise": (440, 440, [-1, AT, 1, 21, 0]),
    "process_vm_readv": (310, 270, [os.getpid(), AT, 0, AT, 0, 0]),
    "process_vm_writev": (311, 271, [os.getpid(), AT, 0, AT, 0, 0]),
    "ptrace(TRACEME)": (101, 117, [0, 0, 0, 0]),
    "quotactl": (179, 60, [0, AT, 0, AT]),
    "reboot": (169, 142, [0, 0, 0, 0]),
    "request_key": (249, 218, [AT, AT, AT, 0]),
    "semget": (64, 190, [0, 1, 0o600]),
    "set_mempolicy": (238, 237, [0, 0, 0]),
    "setdomainname": (171, 162, [AT, 1]),
    "sethostname": (170, 161, [AT, 1]),
    "setns": (308, 268, [-1, 0]),
    "settimeofday": (164, 170, [AT, 0]),
    "setuid": (105, 146, [os.getuid()]),
    "shmget": (29, 194, [0, 4096, 0o600]),
    "swapon": (167, 224, [AT, 0]),
    "sync": (162, 81, []),
    "syslog": (103, 116, [3, AT, 10]),
    "umount2": (166, 39, [AT, 0]),
    "unshare(CLONE_NEWUSER)": (272, 97, [0x10000000]),
    "unshare(CLONE_NEWNS)": (272, 97, [0x20000]),
    "unshare(nothing)": (272, 97, [0]),
    "uselib": (134, -1, [AT]),
    "userfaultfd": (323, 282, [1]),
    "vhangup": (153, 58, []),
    "vmsplice": (278, 75, [-1, AT, 0, 0]),
    "of the future": (1000, 1000, []),
}


def attempt(number: int, arguments: List[int]) -> str:
    ctypes.set_errno(0)
    result = LIBC.syscall(ctypes.c_long(number), *[ctypes.c_long(argument) for argument in arguments])
    return errno.errorcode.get(ctypes.get_errno(), "?") if result == -1 else "returned %d" % result


def main() -> None:
    # Room for what an allowed call might write.
    mmap.mmap(-1, 4096)
    BUFFER.value = b"/tmp/omcp-no-such-thing"
    found = {
        name: attempt((x86, arm)[COLUMN], arguments)
        for name, (x86, arm, arguments) in CALLS.items()
        if (x86, arm)[COLUMN] >= 0
    }
    print(json.dumps(found))


main()
