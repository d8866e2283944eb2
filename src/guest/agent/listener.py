"""Listens on a Unix socket in a folder of the sandbox's user, and goes on after errors."""

from __future__ import annotations

import os
import socket
from typing import Callable

from agent.process import log
from agent.reactor import Reactor

_RETRY_SECONDS = 0.2


def send_at_once(connection: socket.socket, data: bytes) -> None:
    """Sends a client why it is refused: what it does not take now is lost."""
    try:
        connection.setblocking(False)
        connection.send(data)
    except OSError:
        pass


class Listener:
    """Accepts connections; `admit` gets each, and returns whether it has taken it: others are closed."""

    def __init__(self, loop: Reactor, path: str, backlog: int, admit: Callable[[socket.socket], bool]) -> None:
        self._loop = loop
        self._path = path
        self._backlog = backlog
        self._admit = admit

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
        self._listener.listen(self._backlog)
        self._accepting()

    def _accepting(self) -> None:
        self._loop.add_reader(self._listener.fileno(), self._accept)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError as error:
            log("Cannot accept a connection at %s: %s" % (self._path, error))
            self._loop.remove_reader(self._listener.fileno())
            self._loop.call_later(_RETRY_SECONDS, self._accepting)
            return
        taken = False
        try:
            taken = self._admit(connection)
        finally:
            if not taken:
                connection.close()
