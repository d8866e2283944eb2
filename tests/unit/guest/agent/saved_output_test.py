"""The copies of output: bounds, order, seals, and independence of their readers."""

from __future__ import annotations

import fcntl
import os
import unittest
from typing import Optional, Tuple

from server_side import GUEST  # noqa: F401
from agent.memory import Memory
from agent.saved_output import SAVED_ABOVE_BYTES, SavedCopy, SavedOutputs

MIB = 1 << 20
LIMIT = 256 * MIB


class Copies(unittest.TestCase):
    def setUp(self) -> None:
        self.free: Optional[int] = LIMIT
        self.outputs = SavedOutputs(Memory(LIMIT, lambda: self.free))

    def saved(self, execution: str, size: int, stream: str = "stdout") -> SavedCopy:
        copy = self.outputs.begin(execution, stream)
        for _ in range(0, size, 256 << 10):
            copy.add(b"x" * min(size, 256 << 10))
        copy.end()
        return copy

    def read(self, path: str) -> Tuple[bytes, int]:
        found = self.outputs.open(path)
        assert found is not None
        fd, size = found
        try:
            return os.read(fd, size + 1), size
        finally:
            os.close(fd)

    def test_a_copy_begins_with_the_first_byte_and_only_above_the_threshold(self) -> None:
        copy = self.outputs.begin("exec_1", "stdout")
        copy.add(b"a" * SAVED_ABOVE_BYTES)
        self.assertEqual([], self.outputs.list())
        copy.add(b"b")
        self.assertEqual([("/outputs/exec_1/stdout", SAVED_ABOVE_BYTES + 1)], self.outputs.list())
        expected = b"a" * SAVED_ABOVE_BYTES + b"b"
        self.assertEqual((expected, len(expected)), self.read("/outputs/exec_1/stdout"))
        # A reader's offset is its own: the second sees all of it, and the copy continues at its end.
        copy.add(b"c")
        self.assertEqual((expected + b"c", len(expected) + 1), self.read("/outputs/exec_1/stdout"))
        self.assertTrue(copy.end())
        self.assertIsNone(self.outputs.open("/outputs/exec_1/stderr"))
        self.assertIsNone(self.outputs.open("/outputs/exec_1/../exec_1/stdout"))

    def test_an_ended_copy_cannot_be_written_and_a_reader_never_can(self) -> None:
        copy = self.saved("exec_1", 4096)
        found = self.outputs.open(copy.path)
        assert found is not None
        for fd in (copy.fd, found[0]):
            self.assertRaises(OSError, os.write, fd, b"y")
        self.assertRaises(OSError, os.ftruncate, copy.fd, 0)
        self.assertNotEqual(0, fcntl.fcntl(copy.fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC)
        self.assertNotEqual(0, fcntl.fcntl(found[0], fcntl.F_GETFD) & fcntl.FD_CLOEXEC)
        os.close(found[0])

    def test_all_copies_take_a_16th_of_the_memory_and_one_leaves_an_eighth_of_that_to_others(self) -> None:
        self.saved("exec_0", 4 * MIB)
        copy = self.outputs.begin("exec_1", "stdout")
        for _ in range(20 * 4):
            copy.add(b"x" * (256 << 10))
        self.assertEqual((14 * MIB, False), (copy.bytes, copy.complete))
        self.assertEqual(2 * MIB, self.saved("exec_1", 3 * MIB, "stderr").bytes)
        copy.end()
        for number in range(2, 7):
            self.saved("exec_%d" % number, 4 * MIB)
        self.assertEqual(["/outputs/exec_%d/stdout" % number for number in (3, 4, 5, 6)], [p for p, _ in self.outputs.list()])

    def test_the_copies_of_the_running_execution_are_not_dropped_for_each_other(self) -> None:
        running = [self.outputs.begin("exec_%d" % number, "stdout") for number in range(5)]
        for copy in running:
            for _ in range(16):
                copy.add(b"x" * (256 << 10))
        self.assertEqual([True, True, True, True, False], [copy.complete for copy in running])

    def test_little_free_memory_drops_old_copies_and_ends_the_new_one(self) -> None:
        self.saved("exec_1", MIB)
        self.free = LIMIT // 8
        copy = self.saved("exec_2", MIB)
        self.assertEqual((0, False), (copy.bytes, copy.complete))
        self.assertEqual([], [path for path, size in self.outputs.list() if size])

    def test_without_a_limit_the_bounds_are_absolute(self) -> None:
        self.outputs = SavedOutputs(Memory(None, lambda: None))
        copy = self.saved("exec_1", 120 * MIB)
        self.assertEqual(112 * MIB, copy.bytes)

    def test_the_number_of_copies_is_bounded_and_dropped_ones_are_closed(self) -> None:
        before = len(os.listdir("/proc/self/fd"))
        for number in range(600):
            self.saved("exec_%d" % number, 2000)
        self.assertEqual(256, len(self.outputs.list()))
        self.assertEqual(256, len(os.listdir("/proc/self/fd")) - before)

    def test_the_same_path_again_replaces_the_copy(self) -> None:
        first = self.saved("exec_1", 2000)
        self.saved("exec_1", 3000)
        self.assertEqual([("/outputs/exec_1/stdout", 3000)], self.outputs.list())
        self.assertEqual(-1, first.fd)


if __name__ == "__main__":
    unittest.main()
