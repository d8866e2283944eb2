"""The frames of the channel (PROTOCOL.md), and the parser that reads them from a stream of bytes."""

from __future__ import annotations

import struct
from typing import Callable, Iterator, List, NamedTuple

MAGIC = bytes.fromhex("f9fbfdfffefcfaf8fff9fdfbfafef8fc")
NONCE_BYTES = 16
HEADER = struct.Struct(">BBHIII")
HEADER_BYTES = HEADER.size
MAX_PAYLOAD = 65536
MORE = 1

HELLO, REQUEST, EVENT, ACK, PING, PONG, OPEN, DATA, CREDIT, END, RESET = range(1, 12)

_NAMES = ("", "HELLO", "REQUEST", "EVENT", "ACK", "PING", "PONG", "OPEN", "DATA", "CREDIT", "END", "RESET")
_MAY_BE_PARTED = frozenset((HELLO, REQUEST, EVENT))
_WITHOUT_ID = frozenset((HELLO, ACK, PING, PONG))
_WITH_SEQ = frozenset((EVENT, ACK))
_ONLY_AGENT = frozenset((HELLO, EVENT))
_ONLY_SERVER = frozenset((REQUEST, ACK))
# The payload's least and greatest length, for types that limit it.
_LENGTHS = {
    ACK: (0, 0),
    PING: (8, 8),
    PONG: (8, 8),
    DATA: (1, MAX_PAYLOAD),
    CREDIT: (4, 4),
    END: (0, 0),
    RESET: (0, 1024),
}


class ProtocolError(Exception):
    """The server violated the protocol: the attach has ended. The shared vectors use the same `code`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Frame(NamedTuple):
    type: int
    flags: int
    id: int
    seq: int
    payload: bytes


def encode_frame(kind: int, identifier: int = 0, payload: bytes = b"", seq: int = 0, flags: int = 0) -> bytes:
    return HEADER.pack(kind, flags, 0, identifier, seq, len(payload)) + payload


def encode_message(kind: int, identifier: int, body: bytes, seq: int = 0) -> List[bytes]:
    """Encodes a JSON message as frames; all but the last set MORE."""
    frames = []
    for start in range(0, max(1, len(body)), MAX_PAYLOAD):
        part = body[start : start + MAX_PAYLOAD]
        flags = MORE if start + MAX_PAYLOAD < len(body) else 0
        frames.append(encode_frame(kind, identifier, part, seq, flags))
    return frames


def split_data(payload: bytes) -> Iterator[bytes]:
    """Splits a DATA payload after the eighth byte of each MAGIC, so that no part contains MAGIC."""
    start = 0
    while True:
        found = payload.find(MAGIC, start)
        if found < 0:
            break
        yield payload[start : found + 8]
        start = found + 8
    yield payload[start:] if start else payload


class FrameParser:
    """Parses frames from chunks of any size. After an error it yields nothing until it is reset."""

    def __init__(self, from_server: bool = True) -> None:
        self._not_theirs = _ONLY_AGENT if from_server else _ONLY_SERVER
        self._id_parity = 1 if from_server else 0
        self._buffer = bytearray()
        self._failed = False

    @property
    def pending(self) -> int:
        """The number of bytes of an incomplete frame."""
        return len(self._buffer)

    def reset(self) -> None:
        self._buffer = bytearray()
        self._failed = False

    def feed(self, chunk: bytes, maybe_magic: int = 0) -> Iterator[Frame]:
        """Yields the frames that are complete. Raises ProtocolError at the first invalid header.

        The last `maybe_magic` bytes may be the beginning of MAGIC: a header that includes one of them is not checked yet.
        That delays no frame, because a header that ends with such bytes announces a payload.
        """
        if self._failed:
            return
        buffer = self._buffer
        buffer += chunk
        at = 0
        try:
            while len(buffer) - maybe_magic - at >= HEADER_BYTES:
                kind, flags, reserved, identifier, seq, length = HEADER.unpack_from(buffer, at)
                # Checked before the payload is allocated.
                self._check(kind, flags, reserved, identifier, seq, length)
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

    def _check(self, kind: int, flags: int, reserved: int, identifier: int, seq: int, length: int) -> None:
        if not HELLO <= kind <= RESET:
            raise ProtocolError("unknown_type", "frame type %d is unknown" % kind)
        name = _NAMES[kind]
        if kind in self._not_theirs:
            raise ProtocolError("wrong_direction", "%s is not allowed in this direction" % name)
        if flags & ~MORE or (flags and kind not in _MAY_BE_PARTED):
            raise ProtocolError("bad_flags", "%s: flags are not allowed: %d" % (name, flags))
        if reserved:
            raise ProtocolError(
                "bad_reserved", "%s: reserved bytes must be 0; received %d" % (name, reserved)
            )
        low, high = _LENGTHS.get(kind, (0, MAX_PAYLOAD))
        if not low <= length <= high:
            problem = "%s: payload must have %d to %d bytes; received %d" % (name, low, high, length)
            raise ProtocolError("bad_length", problem)
        if kind == OPEN:
            right_id = identifier > 0 and identifier % 2 == self._id_parity
        else:
            right_id = kind == EVENT or (identifier == 0) == (kind in _WITHOUT_ID)
        if not right_id:
            raise ProtocolError("bad_id", "%s: id must not be %d" % (name, identifier))
        if (seq != 0 and kind not in _WITH_SEQ) or (seq == 0 and kind == EVENT):
            raise ProtocolError("bad_seq", "%s: seq must not be %d" % (name, seq))


class AttachScanner:
    """Scans all input for MAGIC and the nonce after it, and passes on the other bytes as chunks of frames.

    It also finds MAGIC inside a frame and across chunks. The parser may have read the first bytes of such a MAGIC. This is harmless: they
    belong to an incomplete frame, or to a frame of a stream that the attach resets.
    """

    def __init__(self, on_attach: Callable[[bytes], None], on_bytes: Callable[[bytes, int], None]) -> None:
        """on_bytes also gets the number of bytes at the end that may be the beginning of a MAGIC."""
        self._on_attach = on_attach
        self._on_bytes = on_bytes
        self._tail = b""
        self._nonce = b""
        self._wants_nonce = False

    def feed(self, chunk: bytes) -> None:
        short = len(MAGIC) - 1
        while chunk:
            # A match across the boundary begins in the previous chunks, so it ends before any match within this chunk.
            seam = self._tail + chunk[:short]
            in_seam = seam.find(MAGIC)
            begin = in_seam - len(self._tail) if in_seam >= 0 else chunk.find(MAGIC)
            if in_seam < 0 and begin < 0:
                self._tail = (seam if len(chunk) < short else chunk)[-short:]
                self._take(chunk, _begun(self._tail))
                return
            if begin > 0:
                self._take(chunk[:begin], 0)
            chunk = chunk[begin + len(MAGIC) :]
            self._tail = b""
            self._wants_nonce = True
            self._nonce = b""

    def _take(self, chunk: bytes, maybe_magic: int) -> None:
        if self._wants_nonce:
            missing = NONCE_BYTES - len(self._nonce)
            self._nonce += chunk[:missing]
            chunk = chunk[missing:]
            if len(self._nonce) < NONCE_BYTES:
                return
            self._wants_nonce = False
            self._on_attach(self._nonce)
        if chunk:
            self._on_bytes(chunk, maybe_magic)


def _begun(tail: bytes) -> int:
    """How many of the last bytes are a beginning of MAGIC."""
    if tail[-1] < min(MAGIC):
        return 0
    return next((count for count in range(len(tail), 0, -1) if MAGIC.startswith(tail[-count:])), 0)
