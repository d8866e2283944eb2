"""The frames of the channel (PROTOCOL.md), and the parser that finds them in a stream of bytes."""
from __future__ import annotations

import struct
from typing import Callable, Iterator, List, NamedTuple

MAGIC = bytes.fromhex("f9fbfdfffefcfaf8fff9fdfbfafef8fc")
EPOCH_BYTES = 16
HEADER = struct.Struct(">BBHIII")
HEADER_BYTES = HEADER.size
MAX_PAYLOAD = 65536
MORE = 1

HELLO, REQUEST, EVENT, ACK, PING, PONG, OPEN, DATA, CREDIT, END, RESET = range(1, 12)

_NAMES = ("", "HELLO", "REQUEST", "EVENT", "ACK", "PING", "PONG", "OPEN", "DATA", "CREDIT", "END", "RESET")
_MAY_BE_PARTED = frozenset((HELLO, REQUEST, EVENT))
_WITHOUT_ID = frozenset((HELLO, ACK, PING, PONG))
_WITH_SEQ = frozenset((EVENT, ACK))
# The payload's smallest and greatest length where a type narrows it.
_LENGTHS = {ACK: (0, 0), PING: (8, 8), PONG: (8, 8), DATA: (1, MAX_PAYLOAD), CREDIT: (4, 4), END: (0, 0), RESET: (0, 1024)}


class ProtocolError(Exception):
    """The other side broke the protocol: the attach cannot go on."""


class Frame(NamedTuple):
    type: int
    flags: int
    id: int
    seq: int
    payload: bytes


def encode_frame(kind: int, identifier: int = 0, payload: bytes = b"", seq: int = 0, flags: int = 0) -> bytes:
    return HEADER.pack(kind, flags, 0, identifier, seq, len(payload)) + payload


def encode_message(kind: int, identifier: int, body: bytes, seq: int = 0) -> List[bytes]:
    """A JSON message as frames; all but the last bear MORE."""
    frames = []
    for start in range(0, max(1, len(body)), MAX_PAYLOAD):
        part = body[start : start + MAX_PAYLOAD]
        flags = MORE if start + MAX_PAYLOAD < len(body) else 0
        frames.append(encode_frame(kind, identifier, part, seq, flags))
    return frames


def split_data(payload: bytes) -> Iterator[bytes]:
    """Cuts a DATA payload so that no part holds MAGIC whole: after its eighth byte."""
    start = 0
    while True:
        found = payload.find(MAGIC, start)
        if found < 0:
            break
        yield payload[start : found + 8]
        start = found + 8
    yield payload[start:] if start else payload


def check_header(kind: int, flags: int, reserved: int, identifier: int, seq: int, length: int) -> None:
    """Refuses a header before anything is allocated for its payload.

    Raises ProtocolError.
    """
    if not HELLO <= kind <= RESET:
        raise ProtocolError("unknown frame type %d" % kind)
    name = _NAMES[kind]
    if flags & ~MORE or reserved:
        raise ProtocolError("%s: flags or reserved bits are set that must be 0" % name)
    if flags and kind not in _MAY_BE_PARTED:
        raise ProtocolError("%s may not come in parts" % name)
    if length > MAX_PAYLOAD:
        raise ProtocolError("%s: payload must be at most %d bytes: received %d" % (name, MAX_PAYLOAD, length))
    low, high = _LENGTHS.get(kind, (0, MAX_PAYLOAD))
    if not low <= length <= high:
        raise ProtocolError("%s: payload must have %d to %d bytes: received %d" % (name, low, high, length))
    if kind in _WITHOUT_ID and identifier:
        raise ProtocolError("%s: id must be 0: received %d" % (name, identifier))
    if not identifier and kind not in _WITHOUT_ID and kind != EVENT:
        raise ProtocolError("%s: id must not be 0" % name)
    if seq and kind not in _WITH_SEQ:
        raise ProtocolError("%s: seq must be 0: received %d" % (name, seq))


class FrameParser:
    """Finds the frames in bytes that come in any chunks. After an error nothing more is found until it is reset."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._failed = False

    def reset(self) -> None:
        self._buffer = bytearray()
        self._failed = False

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Yields the whole frames so far. Raises ProtocolError at the first header that is wrong."""
        if self._failed:
            return
        buffer = self._buffer
        buffer += chunk
        at = 0
        try:
            while len(buffer) - at >= HEADER_BYTES:
                kind, flags, reserved, identifier, seq, length = HEADER.unpack_from(buffer, at)
                check_header(kind, flags, reserved, identifier, seq, length)
                end = at + HEADER_BYTES + length
                if len(buffer) < end:
                    break
                with memoryview(buffer) as view:
                    payload = bytes(view[at + HEADER_BYTES : end])
                at = end
                yield Frame(kind, flags, identifier, seq, payload)
        except ProtocolError:
            self._failed = True
            raise
        finally:
            del buffer[:at]


class AttachScanner:
    """Watches all input for MAGIC and the epoch behind it, and hands out what lies between as chunks of frames.

    MAGIC is found in the midst of a frame too, and where chunks cut it: what the parser has taken of it by then
    is no whole frame of the old attach, or one of streams that are about to be reset.
    """

    def __init__(self, on_attach: Callable[[bytes], None], on_bytes: Callable[[bytes], None]) -> None:
        self._on_attach = on_attach
        self._on_bytes = on_bytes
        self._tail = b""
        self._epoch = b""
        self._wants_epoch = False

    def feed(self, chunk: bytes) -> None:
        short = len(MAGIC) - 1
        while chunk:
            # A match in the seam begins in what came before: it ends before any other can.
            seam = self._tail + chunk[:short]
            in_seam = seam.find(MAGIC)
            begin = in_seam - len(self._tail) if in_seam >= 0 else chunk.find(MAGIC)
            if in_seam < 0 and begin < 0:
                self._tail = (seam if len(chunk) < short else chunk)[-short:]
                self._take(chunk)
                return
            if begin > 0:
                self._take(chunk[:begin])
            chunk = chunk[begin + len(MAGIC) :]
            self._tail = b""
            self._wants_epoch = True
            self._epoch = b""

    def _take(self, chunk: bytes) -> None:
        if self._wants_epoch:
            missing = EPOCH_BYTES - len(self._epoch)
            self._epoch += chunk[:missing]
            chunk = chunk[missing:]
            if len(self._epoch) < EPOCH_BYTES:
                return
            self._wants_epoch = False
            self._on_attach(self._epoch)
        if chunk:
            self._on_bytes(chunk)
