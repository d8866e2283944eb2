"""How a kernel ended is what its subreaper reports, whichever of the two reports the start first."""

from __future__ import annotations

import os
import signal
import unittest
from typing import Any, List

from server_side import GUEST  # noqa: F401
from kernel.subreaper import RECORD
from kernel_manager.reaper import Reaper

SUBREAPER, KERNEL = 1 << 30, (1 << 30) + 1
EXIT_3 = 3 << 8


class Loop:
    """A loop that never calls: the tests read."""

    def add_reader(self, *_: Any) -> None:
        """Does nothing."""

    def remove_reader(self, *_: Any) -> None:
        """Does nothing."""


class Reports(unittest.TestCase):
    def setUp(self) -> None:
        self.statuses: List[int] = []
        self.reaper = Reaper(Loop(), self.statuses.append)
        self.other = self.reaper.take_other_end()

    def tearDown(self) -> None:
        # Nothing has these pids.
        self.reaper.close()
        if self.other >= 0:
            os.close(self.other)

    def report(self, first: int, second: int) -> None:
        os.write(self.other, RECORD.pack(first, second))

    def end(self) -> None:
        os.close(self.other)
        self.other = -1

    def test_the_subreaper_reports_start_and_end(self) -> None:
        self.report(SUBREAPER, KERNEL)
        self.reaper.read()
        self.assertEqual((SUBREAPER, []), (self.reaper.pid, self.statuses))
        self.report(KERNEL, EXIT_3)
        self.reaper.read()
        self.assertEqual([EXIT_3], self.statuses)

    def test_a_kernel_that_is_ready_before_the_subreaper_reports_it_has_its_own_end(self) -> None:
        self.reaper.started(SUBREAPER, KERNEL)
        self.report(SUBREAPER, KERNEL)
        self.reaper.read()
        self.assertEqual([], self.statuses)
        self.report(KERNEL, EXIT_3)
        self.end()
        self.reaper.read()
        self.assertEqual([EXIT_3], self.statuses)

    def test_start_and_end_may_be_read_at_once(self) -> None:
        self.report(SUBREAPER, KERNEL)
        self.report(KERNEL, EXIT_3)
        self.end()
        self.reaper.read()
        self.assertEqual([EXIT_3], self.statuses)

    def test_a_subreaper_that_ends_without_a_report_counts_as_killed(self) -> None:
        self.report(SUBREAPER, KERNEL)
        self.end()
        self.reaper.read()
        self.reaper.read()
        self.assertEqual(([int(signal.SIGKILL)], 0), (self.statuses, self.reaper.pid))


if __name__ == "__main__":
    unittest.main()
