"""The order of frames to the server, and of reaping."""

from __future__ import annotations

import os
import unittest
from typing import List

from agent.children import Children
from agent.events import EventWindow
from agent.frames import DATA, Frame, FrameParser, encode_frame
from agent.output import Output
from agent.reactor import Reactor

PORTION = b"x" * 32768


class OutputTest(unittest.TestCase):
    def setUp(self) -> None:
        self.loop = Reactor()
        self.reading, writing = os.pipe()
        os.set_blocking(self.reading, False)
        os.set_blocking(writing, False)
        self.addCleanup(os.close, self.reading)
        self.addCleanup(os.close, writing)
        self.room: List[int] = []
        self.events = EventWindow()
        self.output = Output(self.loop, writing, self.events, lambda: None, self.room.append)
        self.output.attach(b"")

    def received(self) -> List[Frame]:
        """All frames, as a server that never stops reading receives them."""
        parser = FrameParser(from_server=False)
        frames: List[Frame] = []
        while not self.output.idle:
            self.loop.call_later(0, self.loop.stop)
            self.loop.run_forever()
            try:
                frames += parser.feed(os.read(self.reading, 1 << 20), 0)
            except BlockingIOError:
                pass
        return frames

    def test_streams_take_turns_so_that_a_small_answer_does_not_wait_for_a_large_one(self) -> None:
        for _ in range(8):
            self.output.send(2, encode_frame(DATA, 2, PORTION))
        self.output.send(4, encode_frame(DATA, 4, b"small"))
        self.output.send(4, encode_frame(DATA, 4, b"and then"))
        order = [frame.id for frame in self.received()]
        self.assertEqual(order[:4], [2, 4, 2, 4])
        self.assertEqual(len(order), 10)

    def turn(self) -> None:
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()

    def test_what_a_cell_shows_last_shares_the_write_of_its_reply(self) -> None:
        self.received()
        self.events.add(1, {"type": "execute_result", "data": {"text/plain": "1"}})
        self.output.schedule_late_flush()
        self.turn()
        with self.assertRaises(BlockingIOError):
            os.read(self.reading, 1)
        self.events.add(1, {"type": "reply", "result": {}})
        self.output.schedule_flush()
        self.turn()
        self.assertEqual(os.read(self.reading, 1 << 20).count(b'"type"'), 2)
        self.assertTrue(self.output.idle)

    def test_it_does_not_wait_long_for_the_reply_of_a_cell_that_goes_on(self) -> None:
        self.received()
        self.events.add(1, {"type": "display_data", "data": {"text/plain": "1"}})
        self.output.schedule_late_flush()
        self.assertFalse(self.output.idle)
        self.assertEqual([frame.id for frame in self.received()], [1])

    def test_only_its_own_frames_pause_a_stream_and_it_is_notified_when_there_is_room(self) -> None:
        while not self.output.above_high_water_mark(2):
            self.output.send(2, encode_frame(DATA, 2, PORTION))
        self.assertFalse(self.output.above_high_water_mark(4))
        self.assertEqual(self.room, [])
        self.received()
        self.loop.call_later(0.01, self.loop.stop)
        self.loop.run_forever()
        self.assertEqual(self.room, [2])
        self.assertFalse(self.output.above_high_water_mark(2))


class ReapTest(unittest.TestCase):
    def test_reaping_many_processes_does_not_starve_other_callbacks(self) -> None:
        loop = Reactor()
        children = Children(loop)
        ended: List[int] = []
        children.on_unwatched_exit = lambda pid, _status: ended.append(pid)
        started = []
        for _ in range(100):
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            started.append(pid)
        for pid in started:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        seen: List[int] = []
        loop.call_soon(children.on_sigchld)
        loop.call_soon(lambda: seen.append(len(ended)))
        loop.call_later(0.05, loop.stop)
        loop.run_forever()
        self.assertEqual(sorted(ended), sorted(started))
        self.assertEqual(seen, [64])


if __name__ == "__main__":
    unittest.main()
