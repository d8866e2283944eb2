"""Processes belong to the context of the subreaper above them, also while /proc changes under the reader."""

from __future__ import annotations

import unittest
from typing import Dict, Iterable, Optional, Set

from server_side import GUEST  # noqa: F401
from kernel_manager.ownership import members
from kernel_manager.processes import Process

ZYGOTE, OURS, THEIRS = 5, 10, 20


def process(pid: int, parent: int, started: int = 0) -> Process:
    return Process(pid, parent, pid, pid, started or pid, False, False)


def owned(
    found: Iterable[Process], fresh: Optional[Dict[int, Process]] = None, strays: bool = True
) -> Set[int]:
    """The pids that belong to OURS; `fresh`: what a second look shows, all else has ended."""
    known = {each.pid: each for each in found}
    again = fresh or {}
    return set(members(known, {OURS}, {ZYGOTE, THEIRS}, strays, again.get))


TREE = [
    process(OURS, ZYGOTE),
    process(11, OURS),
    process(12, 11),
    process(THEIRS, ZYGOTE),
    process(21, THEIRS),
    process(22, 21),
]


class Ownership(unittest.TestCase):
    def test_the_subreaper_and_its_descendants(self) -> None:
        self.assertEqual({OURS, 11, 12}, owned(TREE))

    def test_orphans_whose_subreaper_has_ended_belong_to_every_context(self) -> None:
        self.assertEqual({OURS, 11, 12, 30, 31}, owned([*TREE, process(30, 1), process(31, 30)]))
        self.assertEqual({OURS, 11, 12}, owned([*TREE, process(30, 1), process(31, 30)], strays=False))

    def test_a_kernel_that_the_zygote_starts_belongs_to_none(self) -> None:
        self.assertEqual({OURS, 11, 12}, owned([*TREE, process(40, ZYGOTE), process(41, 40)]))

    def test_one_whose_parent_has_ended_is_read_again(self) -> None:
        orphans = [process(32, 31), process(33, 31), process(34, 31)]
        fresh = {32: process(32, OURS), 33: process(33, THEIRS)}
        self.assertEqual({OURS, 11, 12, 32}, owned([*TREE, *orphans], fresh))

    def test_one_whose_parents_pid_is_another_process_by_now_is_read_again(self) -> None:
        # 13 was 32's parent; when the reader came to 13, it was a new process of ours.
        found = [*TREE, process(13, 11, started=90), process(32, 13, started=50)]
        self.assertEqual({OURS, 11, 12, 13}, owned(found, {32: process(32, THEIRS, started=50)}))

    def test_one_of_which_it_stays_uncertain_is_left_alone(self) -> None:
        found = [*TREE, process(32, 31)]
        self.assertEqual({OURS, 11, 12}, owned(found, {32: process(32, 31)}))


if __name__ == "__main__":
    unittest.main()
