"""The agent's event loop, and its log, without a channel."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest
from typing import List

from server_side import GUEST
from agent.reactor import Reactor


class ReactorTest(unittest.TestCase):
    def setUp(self) -> None:
        self.loop = Reactor()
        self.seen: List[object] = []
        # No test waits forever.
        self.loop.call_later(10, self.loop.stop)

    def test_timers_run_in_order_unless_cancelled(self) -> None:
        self.loop.call_later(0.03, self.loop.stop)
        self.loop.call_later(0.02, self.seen.append, "second")
        self.loop.call_later(0.01, self.seen.append, "first")
        self.loop.call_later(0.015, self.seen.append, "never").cancel()
        self.loop.run_forever()
        self.assertEqual(["first", "second"], self.seen)

    def test_cancelled_timers_do_not_accumulate(self) -> None:
        for _ in range(100_000):
            self.loop.call_later(3600, self.seen.append, "never").cancel()
        self.assertLess(len(self.loop._timers), 1000)

    def test_a_callback_that_schedules_itself_again_does_not_starve_others(self) -> None:
        def again() -> None:
            self.loop.call_soon(again)

        reading, writing = os.pipe()
        try:
            self.loop.call_soon(again)
            self.loop.add_reader(reading, self.loop.stop)
            os.write(writing, b"x")
            self.loop.run_forever()
        finally:
            os.close(reading)
            os.close(writing)

    def test_a_descriptor_that_has_hung_up_calls_its_writer(self) -> None:
        reading, writing = os.pipe()
        os.close(reading)

        def broken() -> None:
            self.seen.append("broken")
            self.loop.remove_writer(writing)
            self.loop.call_later(0.02, self.loop.stop)

        self.loop.add_writer(writing, broken)
        self.loop.run_forever()
        os.close(writing)
        self.assertEqual(["broken"], self.seen)

    def test_removing_an_unknown_descriptor_returns_false(self) -> None:
        self.assertFalse(self.loop.remove_reader(99))
        self.assertFalse(self.loop.remove_writer(99))

    def test_after_a_callback_raises_the_loop_continues(self) -> None:
        program = (
            "from agent.reactor import Reactor\n"
            "loop = Reactor()\n"
            "loop.call_soon(lambda: 1 / 0)\n"
            "loop.call_later(0.01, print, 'alive')\n"
            "loop.call_later(0.02, loop.stop)\n"
            "loop.run_forever()\n"
        )
        done = run(program)
        self.assertEqual(b"alive\n", done.stdout)
        self.assertIn(b"ZeroDivisionError", done.stderr)


class LogTest(unittest.TestCase):
    def test_it_drops_a_flood_and_reports_how_much(self) -> None:
        program = (
            "import time\n"
            "from agent.process import log\n"
            "for _ in range(1000): log('x' * 1000)\n"
            "time.sleep(0.3)\n"
            "log('end')\n"
        )
        said = run(program).stderr
        self.assertLess(len(said), 80_000)
        self.assertRegex(said[-100:], rb"\(\d{6} bytes of the agent's log were dropped\)\nomcp agent: end\n$")


def run(program: str) -> "subprocess.CompletedProcess[bytes]":
    program = "import sys; sys.path.insert(0, %r)\n%s" % (str(GUEST), program)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=20)


if __name__ == "__main__":
    unittest.main()
