"""Messages between the agent, the zygote and a kernel: `u32 length` (big-endian) and that many bytes of JSON in UTF-8.

The kernel's half runs beside user code, which may patch any module: it holds its own references to the functions that it uses.
"""
from __future__ import annotations

import math
import os
import socket
from json import JSONDecoder
from json.encoder import encode_basestring as _quote
from typing import Any, Dict, List, Tuple

# The first limits messages of a kernel or the zygote, which must not block the agent for long. The second limits a cell, in which every
# character may need an escape.
MAX_MESSAGE_BYTES = 256 << 10
MAX_CELL_BYTES = 8 << 20

_SOCKET = socket.socket
_SOL_SOCKET = socket.SOL_SOCKET
_SCM_RIGHTS = socket.SCM_RIGHTS
_CMSG_SPACE = socket.CMSG_SPACE
_MSG_CMSG_CLOEXEC = socket.MSG_CMSG_CLOEXEC
_write = os.write
_read = os.read
_isfinite = math.isfinite
_scan = JSONDecoder().scan_once  # type: ignore[attr-defined]
_MAX_DEPTH = 64


def clean(text: str) -> str:
    """The text with every lone surrogate written as an escape (`\\ud8ff`), so that it can be sent as UTF-8."""
    try:
        text.encode("utf-8")
        return str(text)
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def encode_json(value: Any, depth: int = 0) -> str:
    """JSON of plain values. NaN and infinities become null. Raises ValueError for other types and for deep nesting."""
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return _quote(clean(value))
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return float.__repr__(value) if _isfinite(value) else "null"
    if depth >= _MAX_DEPTH:
        raise ValueError("nested deeper than %d levels" % _MAX_DEPTH)
    if isinstance(value, dict):
        parts = [
            "%s:%s" % (_quote(clean(key if isinstance(key, str) else "%s" % key)), encode_json(item, depth + 1))
            for key, item in value.items()
        ]
        return "{%s}" % ",".join(parts)
    if isinstance(value, (list, tuple)):
        return "[%s]" % ",".join([encode_json(item, depth + 1) for item in value])
    raise ValueError("no JSON for %s" % type(value).__name__)


def frame(message: Dict[str, Any], most: int = MAX_MESSAGE_BYTES) -> bytes:
    """Encodes a message for the socket. Raises ValueError if it is longer than `most` bytes."""
    body = encode_json(message).encode("utf-8")
    if len(body) > most:
        raise ValueError("a message must be at most %d bytes: this has %d" % (most, len(body)))
    return len(body).to_bytes(4, "big") + body


class Connection:
    """A blocking end of a Unix stream socket, for the zygote and the kernel."""

    def __init__(self, fd: int) -> None:
        self._socket = _SOCKET(fileno=fd)
        # Bound once, out of reach of code that replaces socket.socket.
        self._recvmsg = self._socket.recvmsg
        self.fd = fd

    def send(self, message: Dict[str, Any]) -> None:
        """Sends one whole message; raises OSError when the other end is closed."""
        data = memoryview(frame(message))
        while data:
            data = data[_write(self.fd, data) :]

    def receive(self) -> Tuple[Dict[str, Any], List[int]]:
        """The next message and its descriptors; raises EOFError at the end."""
        fds: List[int] = []
        head = b""
        while len(head) < 4:
            chunk, ancillary, _, _ = self._recvmsg(4 - len(head), _CMSG_SPACE(16), _MSG_CMSG_CLOEXEC)
            for level, kind, payload in ancillary:
                if level == _SOL_SOCKET and kind == _SCM_RIGHTS:
                    usable = len(payload) - len(payload) % 4
                    fds += memoryview(payload[:usable]).cast("i").tolist()
            if not chunk:
                raise EOFError
            head += chunk
        length = int.from_bytes(head, "big")
        if length > MAX_CELL_BYTES:
            raise EOFError
        body = bytearray()
        while len(body) < length:
            chunk = _read(self.fd, min(length - len(body), 1 << 18))
            if not chunk:
                raise EOFError
            body += chunk
        return _scan(body.decode("utf-8"), 0)[0], fds
