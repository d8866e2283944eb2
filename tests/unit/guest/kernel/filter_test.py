"""The seccomp filter of kernels, for both architectures: run by an interpreter of BPF, because no machine has both."""
from __future__ import annotations

import errno
import os
import re
import sys
import unittest
from typing import Dict, Optional

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "..", "..", "..", "src", "guest"), HERE]

import bpf  # noqa: E402
from kernel import confine  # noqa: E402

ALLOW = 0x7FFF0000
ERRNO = 0x00050000
KILL = 0x80000000
ARCHS = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
AGENT = 1
ZYGOTE = 7
EPERM = (ERRNO, errno.EPERM)
ENOSYS = (ERRNO, errno.ENOSYS)
PASSES = (ALLOW, 0)

# Calls that programs need, by each architecture's own numbers; None if it has no such call.
NEEDED = {
    "read": (0, 63),
    "write": (1, 64),
    "openat": (257, 56),
    "mmap": (9, 222),
    "futex": (202, 98),
    "execve": (59, 221),
    "wait4": (61, 260),
    "ppoll": (271, 73),
    "sendmsg": (46, 211),
    "recvmsg": (47, 212),
    "exit_group": (231, 94),
    "getrandom": (318, 278),
    "fork": (57, None),
}

# A watched call with arguments, and what becomes of it.
WATCHED = [
    ("clone", (0x01200011,), PASSES),
    ("clone", (0x10000000,), EPERM),
    ("fcntl", (3, 1), PASSES),
    ("fcntl", (3, 8), EPERM),
    ("fcntl", (3, 10), EPERM),
    ("ioctl", (0, 0x5413), PASSES),
    ("ioctl", (0, 0x5412), EPERM),
    ("ioprio_set", (1, 50), PASSES),
    ("ioprio_set", (2, 50), EPERM),
    ("kill", (50, 9), PASSES),
    ("kill", (AGENT, 9), EPERM),
    ("kill", (-ZYGOTE, 9), EPERM),
    ("kill", (-1, 9), EPERM),
    ("personality", (0xFFFFFFFF,), PASSES),
    ("personality", (0x0040000,), EPERM),
    ("pidfd_open", (AGENT,), EPERM),
    ("pidfd_send_signal", (3, 15, 0, 0), PASSES),
    ("pidfd_send_signal", (3, 15, 0x100000000, 0), EPERM),
    ("pidfd_send_signal", (3, 15, 0, 1), EPERM),
    ("pidfd_send_signal", (3, 9, 0, 0), EPERM),
    ("prlimit64", (0, 7), PASSES),
    ("prlimit64", (AGENT, 7), EPERM),
    ("rt_sigqueueinfo", (ZYGOTE, 15), EPERM),
    ("rt_tgsigqueueinfo", (50, AGENT, 15), EPERM),
    ("sched_setaffinity", (ZYGOTE,), EPERM),
    ("sched_setattr", (AGENT,), EPERM),
    ("sched_setparam", (AGENT,), EPERM),
    ("sched_setscheduler", (AGENT,), EPERM),
    ("setpriority", (0, 50), PASSES),
    ("setpriority", (0, AGENT), EPERM),
    ("setpriority", (1, 0), EPERM),
    ("socket", (1, 1), PASSES),
    ("socket", (2, 1), EPERM),
    ("socket", (10, 1), EPERM),
    ("socketpair", (1, 1), PASSES),
    ("socketpair", (16, 1), EPERM),
    ("tgkill", (50, 51, 9), PASSES),
    ("tgkill", (50, ZYGOTE, 9), EPERM),
    ("tkill", (AGENT, 9), EPERM),
]


def numbers_in(path: str) -> Dict[str, int]:
    """Name to number, of a header of Linux. `__NR3264_` and `__NR_` of the generic table are the same for 64 bits."""
    found: Dict[str, int] = {}
    with open(path, encoding="utf-8") as header:
        for name, number in re.findall(r"^#define __NR(?:3264)?_(\w+) (\d+)$", header.read(), re.MULTILINE):
            found.setdefault(name, int(number))
    return found


class Filter(unittest.TestCase):
    def setUp(self) -> None:
        self.programs = {name: confine.build_filter(name, [AGENT, ZYGOTE], False) for name in ARCHS}

    def outcome(self, machine: str, number: int, *arguments: int) -> object:
        return bpf.run(self.programs[machine], number, ARCHS[machine], arguments)

    def test_each_program_is_one_that_linux_takes(self) -> None:
        for program in self.programs.values():
            self.assertLess(max(bpf.targets(program)), len(program) // 8)

    def test_another_architecture_s_call_ends_the_process(self) -> None:
        for machine, program in self.programs.items():
            for other in (*ARCHS.values(), 0x40000003, 0x40000028):
                if other != ARCHS[machine]:
                    self.assertEqual(bpf.run(program, 1, other)[0], KILL)

    def test_the_x32_numbers_are_missing_on_x86_64(self) -> None:
        self.assertEqual(self.outcome("x86_64", 0x40000001), ENOSYS)

    def test_what_programs_need_passes(self) -> None:
        for name, columns in NEEDED.items():
            for machine, number in zip(ARCHS, columns):
                if number is not None:
                    self.assertEqual(self.outcome(machine, number), PASSES, (name, machine))

    def test_refused_and_missing_calls_are_so_on_both(self) -> None:
        for table, expected in ((confine._REFUSED, EPERM), (confine._MISSING, ENOSYS)):
            for name, columns in table.items():
                for machine, number in zip(ARCHS, columns):
                    if number is not None:
                        self.assertEqual(self.outcome(machine, number), expected, (name, machine))

    def test_watched_calls_depend_on_their_arguments_alike_on_both(self) -> None:
        for name, arguments, expected in WATCHED:
            for machine, number in zip(ARCHS, confine._WATCHED[name]):
                self.assertEqual(self.outcome(machine, number, *arguments), expected, (name, arguments, machine))
        self.assertEqual({name for name, _, _ in WATCHED}, set(confine._WATCHED))

    def test_with_landlock_s_scope_a_descriptor_may_get_any_plain_signal(self) -> None:
        for machine, number in zip(ARCHS, confine._WATCHED["pidfd_send_signal"]):
            program = confine.build_filter(machine, [AGENT], True)
            self.assertEqual(bpf.run(program, number, ARCHS[machine], (3, 9, 0, 0)), PASSES)

    def test_the_guard_refuses_only_what_reaches_its_process(self) -> None:
        for machine in ARCHS:
            guard = confine.build_guard(machine, ZYGOTE)
            self.assertLess(max(bpf.targets(guard)), len(guard) // 8)
            column = list(ARCHS).index(machine)
            for name, arguments in (
                ("kill", (ZYGOTE, 19)),
                ("kill", (-ZYGOTE, 9)),
                ("tgkill", (50, ZYGOTE, 9)),
                ("tkill", (ZYGOTE, 9)),
                ("rt_sigqueueinfo", (ZYGOTE, 9)),
                ("pidfd_open", (ZYGOTE,)),
                ("sched_setaffinity", (ZYGOTE,)),
            ):
                number = confine._WATCHED[name][column]
                self.assertEqual(bpf.run(guard, number, ARCHS[machine], arguments), EPERM, (name, machine))
                others = tuple(50 if argument in (ZYGOTE, -ZYGOTE) else argument for argument in arguments)
                self.assertEqual(bpf.run(guard, number, ARCHS[machine], others), PASSES, (name, machine))
            self.assertEqual(bpf.run(guard, confine._REFUSED["ptrace"][column], ARCHS[machine]), PASSES)

    def test_another_machine_is_refused(self) -> None:
        with self.assertRaises(OSError):
            confine.build_filter("riscv64", [AGENT], False)

    def test_the_numbers_are_those_of_linux(self) -> None:
        headers = ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm-generic/unistd.h")
        compared = 0
        for column, path in enumerate(headers):
            if not os.path.exists(path):
                continue
            known = numbers_in(path)
            for table in (NEEDED, confine._MISSING, confine._REFUSED, confine._WATCHED):
                for name, columns in table.items():
                    own: Optional[int] = columns[column]
                    # A header that is older than the call does not have it.
                    if name in known:
                        compared += 1
                        self.assertEqual(own, known[name], (name, path))
        if compared == 0:
            self.skipTest("this machine has no headers of Linux")


if __name__ == "__main__":
    unittest.main()
