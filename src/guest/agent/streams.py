"""One byte stream of the channel, with credit in both directions."""

from __future__ import annotations

import struct
from typing import Callable, Optional

from agent.frames import CREDIT, DATA, END, RESET, ProtocolError, encode_frame, split_data
from agent.output import Output

INITIAL_CREDIT = 262144
MAX_CREDIT = 2**31 - 1
# The least credit in a CREDIT frame, so that not every read sends one.
_GRANT_BYTES = 65536
_MAX_REASON_BYTES = 1024
# The most data in one frame: streams take turns frame by frame.
_PORTION_BYTES = 32768
_U32 = struct.Struct(">I")


class StreamOwner:
    """Receives the data and the end of a stream. All calls come from the reactor."""

    def on_data(self, data: bytes) -> None:
        """Data arrived; call the stream's `consumed` when it is passed on."""

    def on_end(self) -> None:
        """No more data will arrive."""

    def on_reset(self, reason: str) -> None:
        """The stream is closed in both directions."""

    def on_writable(self) -> None:
        """`room` may be above 0 again."""


class Stream:
    """A stream of this attach. It calls `on_closed` once, when it is closed in both directions."""

    def __init__(self, identifier: int, output: Output, on_closed: Callable[[int], None]) -> None:
        self.id = identifier
        self.owner: Optional[StreamOwner] = None
        self.open = True
        self._output = output
        self._on_closed = on_closed
        self._send_credit = INITIAL_CREDIT
        self._receive_credit = INITIAL_CREDIT
        self._consumed = 0
        self._sent_end = False
        self._got_end = False

    @property
    def room(self) -> int:
        """Bytes that may be sent now; at 0 the owner waits for `on_writable`."""
        if not self.open or self._sent_end or self._output.above_high_water_mark(self.id):
            return 0
        return min(self._send_credit, _PORTION_BYTES)

    def send(self, data: bytes) -> None:
        """Sends at most `room` bytes."""
        self._send_credit -= len(data)
        for part in split_data(data):
            self._output.send(self.id, encode_frame(DATA, self.id, part))

    def end(self) -> None:
        """Half-closes the stream: no more data is sent."""
        if self.open and not self._sent_end:
            self._sent_end = True
            self._output.send(self.id, encode_frame(END, self.id))
            self._close_if_ended()

    def reset(self, reason: str) -> None:
        """Closes both directions without a call to the owner."""
        if self.open:
            text = reason.encode("utf-8", "replace")[:_MAX_REASON_BYTES].decode("utf-8", "ignore")
            self._output.send(self.id, encode_frame(RESET, self.id, text.encode("utf-8")))
            self._close()

    def consumed(self, count: int) -> None:
        """Records that the owner has passed on `count` received bytes."""
        self._consumed += count
        if self._consumed >= _GRANT_BYTES and self.open and not self._got_end:
            self._output.send_first(encode_frame(CREDIT, self.id, _U32.pack(self._consumed)))
            self._receive_credit += self._consumed
            self._consumed = 0

    def on_data(self, data: bytes) -> None:
        """Raises ProtocolError."""
        if self._got_end:
            raise ProtocolError("not_open", "DATA on stream %d after its END" % self.id)
        if len(data) > self._receive_credit:
            raise ProtocolError("bad_credit", "DATA on stream %d beyond its credit" % self.id)
        self._receive_credit -= len(data)
        if self.owner is not None:
            self.owner.on_data(data)

    def on_credit(self, payload: bytes) -> None:
        """Raises ProtocolError."""
        self._send_credit += int(_U32.unpack(payload)[0])
        if self._send_credit > MAX_CREDIT:
            raise ProtocolError(
                "bad_credit", "CREDIT on stream %d must be at most %d in all" % (self.id, MAX_CREDIT)
            )
        self.on_writable()

    def on_end(self) -> None:
        if not self._got_end:
            self._got_end = True
            if self.owner is not None:
                self.owner.on_end()
            self._close_if_ended()

    def on_reset(self, reason: str) -> None:
        """The server has reset the stream, or the attach has ended."""
        if self.open:
            self._close()
            if self.owner is not None:
                self.owner.on_reset(reason)

    def on_writable(self) -> None:
        if self.open and not self._sent_end and self.owner is not None:
            self.owner.on_writable()

    def _close_if_ended(self) -> None:
        if self._sent_end and self._got_end:
            self._close()

    def _close(self) -> None:
        if self.open:
            self.open = False
            self._on_closed(self.id)
