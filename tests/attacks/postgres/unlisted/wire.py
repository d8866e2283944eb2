"""A raw client of Postgres for attacks from inside a sandbox: any message, in any order."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Optional

PATH = "/run/postgresql/.s.PGSQL.5432"
DEADLINE = 30


def message(kind: bytes, body: bytes = b"") -> bytes:
    """A frontend message."""
    return kind + struct.pack("!i", len(body) + 4) + body


def text(value: str) -> bytes:
    """A string as the protocol has it. Surrogate escapes are bytes that are not UTF-8."""
    return value.encode("utf-8", "surrogateescape") + b"\0"


def query(sql: str) -> bytes:
    """A Query."""
    return message(b"Q", text(sql))


def parse(sql: str, name: str = "", oids: Sequence[int] = ()) -> bytes:
    """A Parse; `oids` are the types of the parameters."""
    types = b"".join(struct.pack("!I", oid) for oid in oids)
    return message(b"P", text(name) + text(sql) + struct.pack("!H", len(oids)) + types)


def bind(values: Sequence[Optional[bytes]] = (), portal: str = "", name: str = "", binary: bool = False) -> bytes:
    """A Bind; None is NULL."""
    body = text(portal) + text(name) + struct.pack("!HHH", 1, int(binary), len(values))
    for value in values:
        body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
    return message(b"B", body + struct.pack("!H", 0))


def execute(portal: str = "", rows: int = 0) -> bytes:
    """An Execute."""
    return message(b"E", text(portal) + struct.pack("!i", rows))


SYNC = message(b"S")
FLUSH = message(b"H")


class Session:
    """One connection."""

    def __init__(self, parameters: Optional[Mapping[str, str]] = None) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(PATH)
        self.ended = False
        self._rest = b""
        body = struct.pack("!i", 3 << 16)
        for key, value in {"user": "anyone", **(parameters or {})}.items():
            body += text(key) + text(value)
        self.socket.sendall(struct.pack("!i", len(body) + 5) + body + b"\0")
        self.greeting = self.until_ready()

    def send(self, *messages: bytes) -> None:
        """Sends messages as they are."""
        try:
            self.socket.sendall(b"".join(messages))
        except OSError:
            self.ended = True

    def receive(self) -> Optional[tuple[str, bytes]]:
        """The next message's type and body; None at the connection's end."""
        while len(self._rest) < 5 or len(self._rest) < 1 + struct.unpack("!i", self._rest[1:5])[0]:
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionError:
                data = b""
            if not data:
                self.ended = True
                return None
            self._rest += data
        end = 1 + struct.unpack("!i", self._rest[1:5])[0]
        kind, body = chr(self._rest[0]), self._rest[5:end]
        self._rest = self._rest[end:]
        return kind, body

    def until_ready(self) -> list[tuple[str, bytes]]:
        """All messages up to the next ReadyForQuery, or the connection's end."""
        seen: list[tuple[str, bytes]] = []
        while not seen or seen[-1][0] != "Z":
            one = self.receive()
            if one is None:
                break
            seen.append(one)
        return seen

    def mark(self, *messages: bytes) -> list[tuple[str, bytes]]:
        """Sends messages and ends what they began; returns all answers, however many times the server is ready in between."""
        self.send(*messages, SYNC, query("ROLLBACK"), query("SELECT 'the' || '-mark'"))
        seen: list[tuple[str, bytes]] = []
        while not self.ended:
            some = self.until_ready()
            if any(kind == "D" and b"the-mark" in body for kind, body in some):
                break
            seen += some
        return seen

    def ask(self, sql: str) -> list[tuple[str, bytes]]:
        """A simple query's answers."""
        self.send(query(sql))
        return self.until_ready()

    def close(self) -> None:
        """Closes the connection."""
        self.socket.close()


def states(answers: Sequence[tuple[str, bytes]]) -> list[str]:
    """The SQLSTATEs of the errors."""
    return [field[1:].decode() for kind, body in answers if kind == "E" for field in body.split(b"\0") if field[:1] == b"C"]
