"""The values of a control group, of version 1 and of version 2, and the peak of an execution that follows from them."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path
from typing import Any, Callable, List
from unittest import mock

from server_side import GUEST  # noqa: F401
from kernel_manager import cgroup
from kernel_manager.usage import Usage


class Timers:
    """A loop whose timers run when the test says so."""

    def __init__(self) -> None:
        self.pending: List[Callable[[], None]] = []

    def call_later(self, _seconds: float, callback: Callable[[], None]) -> Any:
        self.pending.append(callback)
        return mock.Mock(cancel=lambda: self.pending.clear())


class Version(unittest.TestCase):
    """Version 2; the subclass has the files of version 1."""

    cpu = ("cpu.stat", "usage_usec %d\nuser_usec 1\n", 1)
    now = "memory.current"
    peak = "memory.peak"
    limit = "memory.max"
    unlimited = "max"
    tasks = "pids.max"
    stat = ("memory.stat", "anon 7\ninactive_file %d\nactive_file %d\nshmem 40\n")

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        for name in ("_PIDS_LIMIT_FILES", "_CPU_FILES", "_MEMORY_FILES", "_MEMORY_PEAK_FILES", "_MEMORY_LIMIT_FILES", "_MEMORY_STAT_FILES"):
            moved = tuple(path.replace("/sys/fs/cgroup", folder.name) for path in getattr(cgroup, name))
            patch = mock.patch.object(cgroup, name, moved)
            patch.start()
            self.addCleanup(patch.stop)

    def write(self, name: str, text: object) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("%s\n" % text)

    def cpu_is(self, microseconds: int) -> None:
        name, text, factor = self.cpu
        self.write(name, text % (microseconds * factor))

    def test_values(self) -> None:
        self.cpu_is(1234)
        self.write(self.now, 100)
        self.write(self.peak, 150)
        self.write(self.limit, 1000)
        self.assertEqual(
            (1234, 100, 150, 1000, 900),
            (
                cgroup.cpu_microseconds(),
                cgroup.memory_bytes(),
                cgroup.memory_peak_bytes(),
                cgroup.memory_limit_bytes(),
                cgroup.memory_free_bytes(),
            ),
        )
        self.write(self.limit, self.unlimited)
        self.assertEqual((None, None), (cgroup.memory_limit_bytes(), cgroup.memory_free_bytes()))

    def test_files_are_opened_once_and_those_of_the_other_version_not_looked_for_again(self) -> None:
        self.cpu_is(1)
        self.write(self.now, 100)
        self.assertEqual((1, 100), (cgroup.cpu_microseconds(), cgroup.memory_bytes()))
        self.cpu_is(2)
        with mock.patch("os.open", side_effect=AssertionError("opened again")):
            self.assertEqual((2, 100), (cgroup.cpu_microseconds(), cgroup.memory_bytes()))

    def test_the_limit_on_processes(self) -> None:
        self.write(self.tasks, 256)
        self.assertEqual(256, cgroup.tasks_limit())
        self.write(self.tasks, "max")
        self.assertIsNone(cgroup.tasks_limit())

    def test_cached_pages_count_as_free(self) -> None:
        name, text = self.stat
        self.write(self.now, 900)
        self.write(self.limit, 1000)
        self.write(name, text % (0, 0))
        self.assertEqual(100, cgroup.memory_free_bytes())
        self.write(name, text % (200, 50))
        self.assertEqual(350, cgroup.memory_free_bytes())

    def test_without_a_control_group_nothing_is_known(self) -> None:
        usage = Usage(Timers())
        usage.begin()
        self.assertEqual((None, None, None), (usage.cpu_ms(), usage.peak_memory_bytes(), cgroup.memory_free_bytes()))

    def test_the_peak_of_an_execution(self) -> None:
        timers = Timers()
        self.cpu_is(1_000_000)
        self.write(self.now, 100)
        self.write(self.peak, 500)
        usage = Usage(timers)
        usage.begin()
        self.write(self.now, 300)
        timers.pending.pop()()
        self.write(self.now, 200)
        self.cpu_is(1_234_567)
        self.assertEqual(300, usage.peak_memory_bytes(), "sampled: the system's peak is an earlier one")
        self.assertEqual(234, usage.cpu_ms())
        self.write(self.peak, 700)
        self.assertEqual(700, usage.peak_memory_bytes(), "the system's peak has grown")
        usage.stop()
        self.assertEqual([], timers.pending)


class Version1(Version):
    cpu = ("cpuacct/cpuacct.usage", "%d", 1000)
    now = "memory/memory.usage_in_bytes"
    peak = "memory/memory.max_usage_in_bytes"
    limit = "memory/memory.limit_in_bytes"
    unlimited = str((1 << 63) - 4096)
    tasks = "pids/pids.max"
    stat = (
        "memory/memory.stat",
        "inactive_file 1\nactive_file 1\nhierarchical_memory_limit 1\ntotal_inactive_file %d\ntotal_active_file %d\n",
    )


if __name__ == "__main__":
    unittest.main()
