"""Relays tool calls, which code makes with the package `omcp`, to the server. Each connection becomes a stream of the service `tools`."""

from __future__ import annotations

import json
import os
import socket
from typing import Set

from agent.channel import Channel
from agent.listener import Listener, send_at_once
from agent.process import log
from agent.reactor import Reactor
from agent.relay import ClientSplice, Splice

# As the server allows (src/mcp/code_calls/limits.ts).
MAX_CALLS = 16
# In the sandbox's tmpfs; `src/guest/omcp/_calls.py` connects to it.
DIRECTORY = "/run/omcp"
SOCKET = "tools.sock"
PACKAGE_FOLDER = "python"
_PACKAGE = "omcp"


class ToolRelay:
    """Listens for calls."""

    def __init__(self, loop: Reactor, channel: Channel, directory: str = DIRECTORY) -> None:
        self._loop = loop
        self._channel = channel
        self._splices: Set[Splice] = set()
        self._listener = Listener(loop, os.path.join(directory, SOCKET), self._admit)

    def listen(self) -> None:
        """Raises OSError."""
        self._listener.listen()

    def _admit(self, connection: socket.socket) -> bool:
        if len(self._splices) >= MAX_CALLS:
            refuse(connection, "capacity", "A sandbox may have at most %d calls of tools at a time" % MAX_CALLS)
            return False
        try:
            stream = self._channel.open_stream("tools")
        except ConnectionError as error:
            refuse(connection, "sandbox_lost", "Cannot reach the server: %s" % error)
            return False
        self._splices.add(ClientSplice(self._loop, connection, stream, self._splices.discard, refuse_failed))
        return True


def refuse_failed(connection: socket.socket, reason: str) -> None:
    refuse(connection, "sandbox_lost", "The server ended the call: %s" % reason)


def refuse(connection: socket.socket, code: str, message: str) -> None:
    """Sends an error in the form that the server's errors have."""
    error = {"code": code, "message": message + ".", "state": "Nothing was done.", "next": "Try again in a moment.", "retryable": True, "details": {}}
    send_at_once(connection, json.dumps({"ok": False, "error": error}).encode("ascii") + b"\n")


def serve_code(loop: Reactor, channel: Channel, directory: str = DIRECTORY) -> None:
    """Puts the package where Python finds it, and listens for its calls. If this fails, cells run all the same."""
    try:
        write_package(directory)
        ToolRelay(loop, channel, directory).listen()
    except OSError as error:
        log("Code cannot call tools: %s" % error)


def write_package(directory: str) -> None:
    """Writes the package into a folder that is on the path of kernels and of the Python processes that cells start. Raises OSError."""
    loader = globals()["__loader__"]
    folder = os.path.join(directory, PACKAGE_FOLDER, _PACKAGE)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    for name, source in loader.sources.items():
        package, _, module = name.partition(".")
        if package == _PACKAGE:
            with open(os.path.join(folder, (module or "__init__") + ".py"), "w", encoding="utf-8") as target:
                target.write(source)
