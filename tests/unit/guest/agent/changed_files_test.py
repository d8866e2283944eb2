"""Finding changed files in slices of the loop, while code replaces what is being looked at."""

from __future__ import annotations

import os
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any, List
from unittest import mock

from server_side import GUEST  # noqa: F401
from agent.reactor import Reactor
from kernel_manager import changed_files
from kernel_manager.changed_files import ChangedFilesFinder, _Search


class Finder(unittest.TestCase):
    def setUp(self) -> None:
        # In memory, as in a sandbox.
        folder = tempfile.TemporaryDirectory(dir="/dev/shm")
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name) / "workspace"
        self.root.mkdir()
        self.loop = Reactor()
        self.finder = ChangedFilesFinder(self.loop, str(self.root))
        self.found: List[Any] = []

    def begin(self) -> None:
        """An execution begins, a few steps of the file system's clock after all that was before."""
        time.sleep(0.03)
        self.finder.begin()

    def find(self, seconds: float = 0.0) -> Any:
        self.finder.find(seconds, self.found.append)
        deadline = self.loop.call_later(20, self.loop.stop)
        while not self.found and not deadline.cancelled():
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()
        return self.found.pop()

    def test_a_large_folder_is_searched_in_slices_and_others_run_in_between(self) -> None:
        for number in range(20_000):
            (self.root / str(number)).touch()
        self.begin()
        (self.root / "0").write_text("changed")
        turns: List[int] = []

        def other() -> None:
            turns.append(len(self.found))
            self.loop.call_soon(other)

        self.loop.call_soon(other)
        with mock.patch.object(changed_files, "_LEAST_SECONDS", 20.0), mock.patch.object(changed_files, "_MOST_SECONDS", 20.0):
            self.assertEqual({"changed": ["0"], "count": 1, "complete": True}, self.find())
        self.assertGreater(len(turns), 3)

    def test_a_search_that_takes_too_long_says_that_it_is_incomplete(self) -> None:
        for number in range(5000):
            (self.root / str(number)).touch()
        self.begin()
        with mock.patch.object(changed_files, "_LEAST_SECONDS", 0.0), mock.patch.object(changed_files, "_TURN_SECONDS", 0.0):
            self.assertEqual({"changed": [], "count": 0, "complete": False}, self.find())

    def test_a_small_folder_is_searched_whole_although_the_time_passes_without_a_step(self) -> None:
        for number in range(1000):
            (self.root / str(number)).touch()
        self.begin()
        (self.root / "0").write_text("changed")
        expected = {"changed": ["0"], "count": 1, "complete": True}
        names = ["_LEAST_SECONDS", "_TURN_SECONDS", "_NOW_SECONDS"]
        with mock.patch.multiple(changed_files, **{name: 0.0 for name in names}):
            self.assertEqual(expected, self.find())
            self.begin()
            (self.root / "0").write_text("changed again")
            self.assertEqual(expected, self.finder.find_now())

    def test_folders_that_changed_come_first(self) -> None:
        for folder in range(200):
            (self.root / ("d%d" % folder)).mkdir()
            for number in range(100):
                (self.root / ("d%d" % folder) / str(number)).touch()
        self.begin()
        (self.root / "d199" / "new").touch()
        search = _Search(str(self.root), self.finder._since, {})
        with mock.patch.object(changed_files, "_ENTRIES", 1_000_000):
            # The top, then the first folder.
            next(search._steps)
            next(search._steps)
        self.assertEqual(["d199/new"], search.listed)
        search.close()
        self.assertFalse(search.complete)

    def test_a_folder_that_became_a_link_is_not_followed(self) -> None:
        outside = self.root.parent / "outside"
        outside.mkdir()
        (self.root / "a").mkdir()
        self.begin()
        (outside / "secret").touch()
        real = os.open

        def swap(path: Any, *rest: Any, **options: Any) -> int:
            if path == "a" and not os.path.islink(self.root / "a"):
                os.rename(self.root / "a", self.root / ".b")
                os.symlink(outside, self.root / "a")
            return real(path, *rest, **options)

        with mock.patch.object(os, "open", swap):
            found = self.find()
        self.assertEqual(([], 0), (found["changed"], found["count"]))

    def test_descriptors_are_closed_whatever_ends_a_search(self) -> None:
        for number in range(300):
            (self.root / str(number)).touch()
        before = len(os.listdir("/proc/self/fd"))
        self.begin()
        with mock.patch.object(changed_files, "_TURN_SECONDS", 0.0):
            self.finder.find(0.0, self.found.append)
            self.finder.stop()
            self.finder.find(0.0, self.found.append)
            self.finder.begin()
            self.finder.find_now()
        self.assertEqual(before, len(os.listdir("/proc/self/fd")))
        self.assertEqual([], self.found)

    def test_what_the_agent_wrote_before_an_execution_is_not_its_change_however_soon_it_begins(self) -> None:
        for round in range(50):
            for name in ("own", "also changed"):
                (self.root / name).write_text("%d " % round)
                self.finder.written(os.stat(self.root / name))
            self.finder.begin()
            with open(self.root / "also changed", "a") as file:
                file.write("by the cell")
            self.assertEqual({"changed": ["also changed"], "count": 1, "complete": True}, self.find())

    def test_what_the_agent_writes_during_an_execution_is_not_a_change_of_the_next(self) -> None:
        self.begin()
        (self.root / "own").write_text("1")
        self.finder.written(os.stat(self.root / "own"))
        self.assertEqual(["own"], self.find()["changed"])
        self.finder.begin()
        self.assertEqual([], self.find()["changed"])

    def test_without_a_workspace_nothing_has_changed(self) -> None:
        self.root.rmdir()
        self.finder.begin()
        self.assertEqual({"changed": [], "count": 0, "complete": True}, self.finder.find_now())


if __name__ == "__main__":
    unittest.main()
