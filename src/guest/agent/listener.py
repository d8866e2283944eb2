"""Listens on a Unix socket in a folder of the sandbox's user, and goes on after errors."""

from __future__ import annotations

import os
import socket
from typing import Callable

from agent.process import log
from agent.rate import Rate
from agent.reactor import Reactor

_RETRY_SECONDS = 0.2
# As fast as one client after another can log in. Each connection costs the server and the database work that others wait for.
_PER_SECOND = 100
_BURST = 32
# libpq does not wait when the queue is full: it fails.
_BACKLOG = 128


def send_at_once(connection: socket.socket, data: bytes) -> None:
    """Sends a client why it is refused: what it does not take now is lost."""
    try:
        connection.setblocking(False)
        connection.send(data)
    except OSError:
        pass


class Listener:
    """Accepts connections at a limited rate: others wait in the operating system's queue, and their clients with them.

    `admit` gets each connection, and returns whether it has taken it: others are closed.
    """

    def __init__(self, loop: Reactor, path: str, admit: Callable[[socket.socket], bool]) -> None:
        self._loop = loop
        self._path = path
        self._admit = admit
        self._rate = Rate(_PER_SECOND, _BURST)

    def listen(self) -> None:
        """Raises OSError."""
        directory = os.path.dirname(self._path)
        os.makedirs(directory, mode=0o700, exist_ok=True)
        os.chmod(directory, 0o700)
        if os.path.lexists(self._path):
            os.unlink(self._path)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.setblocking(False)
        self._listener.bind(self._path)
        os.chmod(self._path, 0o600)
        self._listener.listen(_BACKLOG)
        self._accepting()

    def _accepting(self) -> None:
        self._loop.add_reader(self._listener.fileno(), self._accept)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener.fileno())
        self._loop.call_later(seconds, self._accepting)

    def _accept(self) -> None:
        wait = self._rate.take(self._loop.time())
        if wait > 0:
            self._pause(wait)
            return
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError as error:
            log("Cannot accept a connection at %s: %s" % (self._path, error))
            self._pause(_RETRY_SECONDS)
            return
        taken = False
        try:
            taken = self._admit(connection)
        finally:
            if not taken:
                connection.close()
