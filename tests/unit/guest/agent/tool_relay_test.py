"""A call of a tool that reaches no server gets an error in the form that the server's errors have, unless its answer has begun."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import unittest
from typing import Any, Dict, List

from server_side import GUEST  # noqa: F401
from agent.reactor import Reactor
from agent.tool_relay import MAX_CALLS, SOCKET, ToolRelay


class FakeStream:
    """A stream that takes everything."""

    owner: Any = None
    room = 1000

    def send(self, data: bytes) -> None:
        """Takes it."""

    def consumed(self, count: int) -> None:
        """Takes it."""

    def end(self) -> None:
        """Takes it."""


class FakeChannel:
    """Opens streams while there is a server."""

    def __init__(self) -> None:
        self.streams: List[FakeStream] = []
        self.gone = False

    def open_stream(self, _service: str) -> FakeStream:
        if self.gone:
            raise ConnectionError("no server is attached")
        self.streams.append(FakeStream())
        return self.streams[-1]


class Calls(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.loop = Reactor()
        self.channel: Any = FakeChannel()
        self.relay = ToolRelay(self.loop, self.channel, self.folder.name)
        self.relay.listen()
        self.clients: List[socket.socket] = []

    def tearDown(self) -> None:
        for client in self.clients:
            client.close()
        self.folder.cleanup()

    def call(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(10)
        client.connect(os.path.join(self.folder.name, SOCKET))
        self.clients.append(client)
        self.relay._listener._accept()
        return client

    def error(self, client: socket.socket) -> Dict[str, Any]:
        answer = b"".join(iter(lambda: client.recv(1000), b""))
        self.assertEqual(b"\n", answer[-1:])
        parsed = json.loads(answer)
        self.assertIs(False, parsed["ok"])
        error: Dict[str, Any] = parsed["error"]
        return error

    def test_a_call_whose_stream_fails_before_its_answer_gets_the_reason(self) -> None:
        client = self.call()
        self.channel.streams[0].owner.on_reset("too many calls")
        error = self.error(client)
        self.assertEqual("sandbox_lost", error["code"])
        self.assertEqual("The server ended the call: too many calls.", error["message"])

    def test_a_call_whose_answer_has_begun_ends_without_an_error(self) -> None:
        client = self.call()
        self.channel.streams[0].owner.on_data(b"half")
        self.channel.streams[0].owner.on_reset("lost")
        self.assertEqual(b"half", b"".join(iter(lambda: client.recv(1000), b"")))

    def test_without_a_server_a_call_gets_an_error(self) -> None:
        self.channel.gone = True
        self.assertEqual("sandbox_lost", self.error(self.call())["code"])

    def test_calls_beyond_the_limit_get_an_error_and_the_end_of_one_makes_room(self) -> None:
        for _ in range(MAX_CALLS):
            self.call()
        self.assertEqual("capacity", self.error(self.call())["code"])
        self.channel.streams[0].owner.on_reset("lost")
        self.call()
        self.assertEqual(MAX_CALLS + 1, len(self.channel.streams))


if __name__ == "__main__":
    unittest.main()
