"""Tests of agent.pace: Pace limits the rate at which kernels are read, and delays no event that was already read."""

from __future__ import annotations

import unittest
from typing import Any, Callable, List, Tuple

from server_side import GUEST  # noqa: F401
from agent.pace import Pace

MIB = 1 << 20


class Loop:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: List[Tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> None:
        self.timers.append((self.now + delay, callback))

    def wait(self) -> float:
        """Moves the clock to the only timer and runs it; returns the seconds."""
        ((when, callback),) = self.timers
        self.timers.clear()
        waited, self.now = when - self.now, when
        callback()
        return waited


class PaceTest(unittest.TestCase):
    def setUp(self) -> None:
        self.loop = Loop()
        self.sent: List[int] = []
        self.has_room = True
        self.rooms = 0
        self.pace = Pace(self.loop, lambda _, event: self.sent.append(len(event["text"])), lambda: self.has_room, self.room)

    def room(self) -> None:
        self.rooms += 1

    def emit(self, size: int) -> None:
        event: Any = {"type": "stream", "name": "stdout", "text": "x" * size}
        self.pace.emit(7, event)

    def test_a_whole_cell_of_displays_is_sent_at_once(self) -> None:
        for _ in range(15):
            self.emit(MIB // 4)
            self.assertTrue(self.pace.can_emit())
        self.assertEqual(self.loop.timers, [])

    def test_a_flood_is_sent_at_a_rate_and_the_kernel_is_read_again_in_time(self) -> None:
        until = self.loop.now + 60
        while self.loop.now < until:
            while self.pace.can_emit():
                self.emit(MIB // 8)
            self.loop.wait()
        # A burst of 4 MiB, 4 MiB in each second, and at most 1 MiB for the last events.
        self.assertLess(sum(self.sent), (4 + 4 * 60 + 1) * MIB)
        self.assertGreater(sum(self.sent), 4 * 60 * MIB)

    def test_a_flood_of_empty_events_is_paced_too(self) -> None:
        while self.pace.can_emit():
            self.emit(0)
        self.assertLess(len(self.sent), 10_000)

    def test_an_event_beyond_the_pace_is_sent_at_once_and_lengthens_the_next_wait(self) -> None:
        for _ in range(3):
            self.emit(4 * MIB)
        self.assertEqual(len(self.sent), 3)
        self.assertFalse(self.pace.can_emit())
        self.assertFalse(self.pace.can_emit())
        self.assertAlmostEqual(self.loop.wait(), 2, delta=0.01)
        self.assertEqual(self.rooms, 1)
        self.assertTrue(self.pace.can_emit())

    def test_within_the_pace_can_emit_asks_the_journal(self) -> None:
        self.has_room = False
        self.assertFalse(self.pace.can_emit())
        self.assertEqual(self.loop.timers, [])


if __name__ == "__main__":
    unittest.main()
