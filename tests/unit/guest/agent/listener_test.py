"""The listener accepts connections at a limited rate: a flood waits in the operating system's queue, and no client is refused."""

from __future__ import annotations

import os
import socket
import tempfile
import unittest
from typing import Any, Callable, Dict, List, Tuple

from server_side import GUEST  # noqa: F401
from agent.listener import Listener
from agent.rate import Rate


class Loop:
    """A loop whose clock moves only from one timer to the next."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.readers: Dict[int, Callable[[], None]] = {}
        self.timers: List[Tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def add_reader(self, fd: int, callback: Callable[[], None]) -> None:
        self.readers[fd] = callback

    def remove_reader(self, fd: int) -> None:
        del self.readers[fd]

    def call_later(self, delay: float, callback: Callable[[], None]) -> None:
        self.timers.append((self.now + delay, callback))

    def read(self) -> None:
        """Calls the readers more often than a test has connections; they may remove themselves."""
        for _ in range(1000):
            for callback in list(self.readers.values()):
                callback()

    def elapse(self) -> None:
        self.now, callback = self.timers.pop(0)
        callback()


class Flood(unittest.TestCase):
    def test_a_flood_of_connections_is_accepted_at_a_rate(self) -> None:
        accepted: List[socket.socket] = []

        def admit(connection: socket.socket) -> bool:
            accepted.append(connection)
            self.addCleanup(connection.close)
            return True

        loop: Any = Loop()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "run", "socket")
            listener = Listener(loop, path, admit)
            listener.listen()
            self.addCleanup(listener._listener.close)
            for _ in range(100):
                client = socket.socket(socket.AF_UNIX)
                self.addCleanup(client.close)
                # Non-blocking, as libpq connects: it would fail if the queue were full.
                client.setblocking(False)
                client.connect(path)
            loop.read()
            self.assertEqual(32, len(accepted))
            self.assertEqual({}, loop.readers)
            started = loop.now
            while len(accepted) < 100:
                loop.elapse()
                loop.read()
            # At 100 per second.
            self.assertAlmostEqual(0.68, loop.now - started, delta=0.02)
            loop.read()
            self.assertEqual(100, len(accepted))

    def test_after_a_pause_only_one_burst_is_allowed(self) -> None:
        # Eight per second: a gap of 0.125 s is exact in binary, so the sums of gaps are, too.
        rate = Rate(8, 5)

        def taken(now: float) -> int:
            return [rate.take(now) == 0 for _ in range(20)].count(True)

        self.assertEqual([5, 0, 1, 5], [taken(now) for now in (100.0, 100.1, 100.125, 500.0)])
        self.assertEqual(0.125, rate.take(500.0))


if __name__ == "__main__":
    unittest.main()
