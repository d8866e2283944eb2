"""The agent's socket to the zygote or a kernel, when Linux refuses to send a message."""

from __future__ import annotations

import errno
import os
import socket
import unittest
from typing import Any, List, Optional

from agent.reactor import Reactor
from kernel_manager.link import Link, pair
from kernel.wire import Connection


class Refusing(socket.socket):
    """Refuses to send with an error, `times` times."""

    error = 0
    times = 0
    asked = 0

    def sendmsg(self, *arguments: Any) -> int:
        self.asked += 1
        if self.asked <= self.times:
            raise OSError(self.error, os.strerror(self.error))
        return super().sendmsg(*arguments)


class LinkTest(unittest.TestCase):
    def setUp(self) -> None:
        self.loop = Reactor()
        self.loop.call_later(10, self.loop.stop)
        own, other = pair()
        self.own = Refusing(fileno=own.detach())
        self.other = Connection(other.detach())
        self.ends: List[Optional[str]] = []
        self.link = Link(self.loop, self.own, lambda message: None, self.ended)

    def tearDown(self) -> None:
        self.link.close()
        del self.other

    def ended(self, reason: Optional[str]) -> None:
        self.ends.append(reason)
        self.loop.stop()

    def refuse(self, error: int, times: int) -> None:
        self.own.error, self.own.times = error, times

    def test_after_a_temporary_refusal_all_messages_arrive_in_order(self) -> None:
        for error in (errno.ETOOMANYREFS, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN, errno.EINTR, errno.EPERM):
            with self.subTest(errno.errorcode[error]):
                self.own.asked = 0
                self.refuse(error, 3)
                reading, writing = os.pipe()
                self.link.send({"n": 1}, [writing])
                self.link.send({"n": 2})
                self.loop.call_later(0.4, self.loop.stop)
                self.loop.run_forever()
                message, fds = self.other.receive()
                self.assertEqual(({"n": 1}, 1), (message, len(fds)))
                self.assertEqual(({"n": 2}, []), self.other.receive())
                os.write(fds[0], b"x")
                os.close(fds[0])
                # The link has closed its descriptor: the received one was the last.
                self.assertEqual(b"x", os.read(reading, 10))
                self.assertEqual(b"", os.read(reading, 10))
                os.close(reading)
        self.assertEqual([], self.ends)

    def test_a_lasting_refusal_ends_the_link_with_the_reason(self) -> None:
        for error in (errno.ETOOMANYREFS, errno.ENOBUFS, errno.ENOMEM):
            with self.subTest(errno.errorcode[error]):
                self.tearDown()
                self.setUp()
                self.refuse(error, 1 << 30)
                reading, writing = os.pipe()
                self.link.send({"n": 1}, [writing])
                self.loop.run_forever()
                self.assertEqual(1, len(self.ends))
                self.assertIn(errno.errorcode[error], self.ends[0] or "")
                self.assertIn("the cell did not run", self.ends[0] or "")
                self.assertEqual(b"", os.read(reading, 1), "the descriptor is closed")
                os.close(reading)

    def test_when_the_peer_has_closed_the_link_ends_without_a_reason(self) -> None:
        os.close(self.other.fd)
        self.other._socket.detach()
        self.link.send({"n": 1})
        self.loop.run_forever()
        self.assertEqual([None], self.ends)

    def test_after_close_a_waiting_link_sends_nothing(self) -> None:
        self.refuse(errno.ENOBUFS, 1 << 30)
        self.link.send({"n": 1})
        self.link.close()
        self.loop.call_later(0.2, self.loop.stop)
        self.loop.run_forever()
        self.assertEqual(1, self.own.asked)
        self.assertEqual([], self.ends)
