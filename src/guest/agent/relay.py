"""Relays bytes between Unix sockets and the channel: from a client in the sandbox outwards, from the server to a local Postgres inwards."""

from __future__ import annotations

import os
import socket
from typing import Callable, List, Set

from agent.channel import Channel
from agent.listener import Listener, send_at_once
from agent.reactor import Reactor
from agent.streams import Stream, StreamOwner

MAX_CONNECTIONS = 32
# More connections, for cancel requests only: clients need those most when all connections are busy.
RESERVED_CONNECTIONS = 8
RESERVED_SECONDS = 2.0
# A CancelRequest begins with a length and this code, 80877102, where other startup packets have a protocol version.
CANCEL_CODE = b"\x04\xd2\x16\x2e"
CANCEL_HEADER_BYTES = 8


class Splice(StreamOwner):
    """Connects a socket with a stream: passes on bytes, backpressure, half-closes and failures in both directions."""

    def __init__(
        self,
        loop: Reactor,
        connection: socket.socket,
        stream: Stream,
        on_done: Callable[["Splice"], object] = lambda _: None,
    ) -> None:
        connection.setblocking(False)
        self._loop = loop
        self._socket = connection
        self._fd = connection.fileno()
        self._stream = stream
        self._on_done = on_done
        # Bounded by the stream's credit, which is granted only for bytes that the socket has accepted.
        self._pending: List[bytes] = []
        self._reading = False
        self._writing = False
        self._open = True
        self._socket_ended = False
        self._stream_ended = False
        stream.owner = self
        self._start_reading()

    def on_data(self, data: bytes) -> None:
        self._pending.append(data)
        if len(self._pending) == 1:
            self._write()

    def on_end(self) -> None:
        self._stream_ended = True
        if not self._pending:
            self._end_socket()

    def on_reset(self, reason: str) -> None:
        self.close()

    def on_writable(self) -> None:
        self._start_reading()

    def close(self) -> None:
        if self._open:
            self._open = False
            self._stop_reading()
            self._stop_writing()
            self._pending = []
            self._socket.close()
            self._on_done(self)

    def _read(self) -> None:
        room = self._stream.room
        if room == 0:
            self._stop_reading()
            return
        try:
            data = self._socket.recv(room)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(error)
            return
        if data:
            self._stream.send(data)
            return
        self._socket_ended = True
        self._stop_reading()
        self._stream.end()
        self._close_if_ended()

    def _write(self) -> None:
        taken = 0
        try:
            while self._pending:
                count = self._socket.send(self._pending[0])
                taken += count
                if count < len(self._pending[0]):
                    self._pending[0] = self._pending[0][count:]
                else:
                    del self._pending[0]
        except BlockingIOError:
            self._start_writing()
        except OSError as error:
            self._fail(error)
            return
        else:
            self._stop_writing()
        if taken:
            self._stream.consumed(taken)
        if self._stream_ended and not self._pending:
            self._end_socket()

    def _end_socket(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        self._close_if_ended()

    def _close_if_ended(self) -> None:
        if self._socket_ended and self._stream_ended and not self._pending:
            self.close()

    def _fail(self, error: OSError) -> None:
        self._stream.reset("the connection failed: %s" % (error.strerror or error))
        self.close()

    def _start_reading(self) -> None:
        if self._open and not self._reading and not self._socket_ended:
            self._reading = True
            self._loop.add_reader(self._fd, self._read)

    def _stop_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._fd)

    def _start_writing(self) -> None:
        if not self._writing:
            self._writing = True
            self._loop.add_writer(self._fd, self._write)

    def _stop_writing(self) -> None:
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._fd)


class ClientSplice(Splice):
    """Relays a client in the sandbox: `on_failed` sends it an error if the stream fails before any data."""

    def __init__(
        self,
        loop: Reactor,
        connection: socket.socket,
        stream: Stream,
        on_done: Callable[[Splice], object],
        on_failed: Callable[[socket.socket, str], object],
    ) -> None:
        self._on_failed = on_failed
        self._received = False
        super().__init__(loop, connection, stream, on_done)

    def on_data(self, data: bytes) -> None:
        self._received = True
        super().on_data(data)

    def on_reset(self, reason: str) -> None:
        if self._open and not self._received:
            self._on_failed(self._socket, reason)
        super().on_reset(reason)


class PostgresRelay:
    """Listens on libpq's default socket, and opens a `postgres` stream for each connection."""

    def __init__(self, loop: Reactor, channel: Channel, directory: str) -> None:
        self._loop = loop
        self._channel = channel
        self._splices: Set[Splice] = set()
        self._candidates: Set["CancelCandidate"] = set()
        self._listener = Listener(loop, os.path.join(directory, ".s.PGSQL.5432"), self._admit)

    def listen(self) -> None:
        """Raises OSError."""
        self._listener.listen()

    def _admit(self, connection: socket.socket) -> bool:
        taken = len(self._splices) + len(self._candidates)
        if taken >= MAX_CONNECTIONS + RESERVED_CONNECTIONS:
            refuse_full(connection)
            return False
        if taken >= MAX_CONNECTIONS:
            self._candidates.add(CancelCandidate(self._loop, connection, self._on_decided))
            return True
        return self._join(connection, b"")

    def _on_decided(self, candidate: "CancelCandidate", connection: socket.socket, begin: bytes) -> None:
        self._candidates.discard(candidate)
        if begin[4:] == CANCEL_CODE:
            if self._join(connection, begin):
                return
        else:
            refuse_full(connection)
        connection.close()

    def _join(self, connection: socket.socket, begin: bytes) -> bool:
        """Opens a stream for a client that has already sent `begin`. If it cannot, sends the client an error and returns False."""
        try:
            stream = self._channel.open_stream("postgres")
        except ConnectionError as error:
            refuse(connection, "57P03", "cannot reach the database: %s" % error)
            return False
        if begin:
            stream.send(begin)
        self._splices.add(ClientSplice(self._loop, connection, stream, self._splices.discard, refuse_failed))
        return True


class CancelCandidate:
    """A connection beyond the limit, until it has sent enough to show whether it is a cancel request."""

    def __init__(
        self,
        loop: Reactor,
        connection: socket.socket,
        on_decided: Callable[["CancelCandidate", socket.socket, bytes], None],
    ) -> None:
        """on_decided gets the connection and its first bytes: a whole header, or less if it ended or timed out before."""
        connection.setblocking(False)
        self._loop = loop
        self._connection = connection
        self._on_decided = on_decided
        self._begin = b""
        self._timeout = loop.call_later(RESERVED_SECONDS, self._done)
        loop.add_reader(connection.fileno(), self._read)

    def _read(self) -> None:
        try:
            data = self._connection.recv(CANCEL_HEADER_BYTES - len(self._begin))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._begin += data
        if not data or len(self._begin) == CANCEL_HEADER_BYTES:
            self._done()

    def _done(self) -> None:
        self._timeout.cancel()
        self._loop.remove_reader(self._connection.fileno())
        self._on_decided(self, self._connection, self._begin)


def refuse_full(connection: socket.socket) -> None:
    refuse(connection, "53300", "a sandbox may have at most %d database connections" % MAX_CONNECTIONS)


def refuse_failed(connection: socket.socket, reason: str) -> None:
    refuse(connection, "08006", "the sandbox's connection to the database failed: " + reason)


def refuse(connection: socket.socket, sqlstate: str, message: str) -> None:
    """Sends Postgres's ErrorResponse, so that a driver shows the reason."""
    fields = (("S", "FATAL"), ("V", "FATAL"), ("C", sqlstate), ("M", message))
    body = b"".join(key.encode() + value.encode("utf-8", "replace") + b"\0" for key, value in fields) + b"\0"
    send_at_once(connection, b"E" + (len(body) + 4).to_bytes(4, "big") + body)


def connect(loop: Reactor, stream: Stream, directory: str) -> str:
    """Connects a stream to the Postgres that listens in a folder of this container. Returns "", or why it cannot."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.setblocking(False)
    try:
        connection.connect(os.path.join(directory, ".s.PGSQL.5432"))
    except OSError as error:
        connection.close()
        return "cannot reach the local Postgres: %s" % (error.strerror or error)
    Splice(loop, connection, stream)
    return ""
