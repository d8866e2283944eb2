"""The agent's end of the channel (PROTOCOL.md): attach, requests, events and streams over stdin and stdout."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Dict, NamedTuple, Set

from agent import frames
from agent.events import EventWindow, to_json
from agent.frames import AttachScanner, Frame, FrameParser, ProtocolError
from agent.messages import RequestAssembler, parse_object
from agent.output import Output
from agent.process import log
from agent.reactor import Reactor
from agent.streams import Stream

if TYPE_CHECKING:
    from agent.message_types import Event, Hello

MAX_STREAMS = 96
_READ_BYTES = 1 << 18
# What a cell shows last: its reply mostly follows at once.
_LAST_SHOWN = frozenset(("execute_result", "display_data", "error"))


class Handlers(NamedTuple):
    """The agent's callbacks."""

    hello: "Callable[[], Hello]"
    on_request: Callable[[int, str, Any], None]
    # Sets the new stream's owner and returns ""; any other text is the reason for a refusal.
    on_open: Callable[[Stream, str], str]
    # The window has room again after can_emit() returned False.
    on_room: Callable[[], None]


class Channel:
    """Reads frames from one descriptor and writes frames to another, for one server at a time."""

    def __init__(self, loop: Reactor, source: int, sink: int, handlers: Handlers) -> None:
        self.last_heard = loop.time()
        self.attached = False
        self._loop = loop
        self._source = source
        self._handlers = handlers
        self._events = EventWindow()
        self._output = Output(loop, sink, self._events, self._resume_reading, self._on_stream_writable)
        self._parser = FrameParser()
        self._scanner = AttachScanner(self._on_attach, self._on_frames)
        self._reading = False
        self._ended = False
        self._room_wanted = False
        self._streams: Dict[int, Stream] = {}
        self._requests = RequestAssembler()
        self._next_id = 2
        self._peer_ids = _UsedIds()
        self._frame_handlers: Dict[int, Callable[[Frame], None]] = {
            frames.REQUEST: self._on_request,
            frames.ACK: self._on_ack,
            frames.PING: self._on_ping,
            frames.PONG: self._ignore,
            frames.OPEN: self._on_open,
            frames.DATA: self._on_data,
            frames.CREDIT: self._on_stream_frame,
            frames.END: self._on_stream_frame,
            frames.RESET: self._on_stream_frame,
        }

    def start(self) -> None:
        self._resume_reading()

    def emit(self, request_id: int, event: "Event") -> None:
        """Numbers an event and sends it; sends it again at each attach until it is acknowledged."""
        self._events.add(request_id, event)
        if event["type"] in _LAST_SHOWN:
            self._output.schedule_late_flush()
        else:
            self._output.schedule_flush()

    def can_emit(self) -> bool:
        """Whether there is room for more events; after False, `handlers.on_room` reports when there is room again."""
        if self._events.has_room:
            return True
        self._room_wanted = True
        return False

    def open_stream(self, service: str) -> Stream:
        """Opens a stream to a service of the server. Raises ConnectionError if it cannot."""
        if not self.attached:
            raise ConnectionError("no server is attached")
        if sum(1 for identifier in self._streams if identifier % 2 == 0) >= MAX_STREAMS:
            raise ConnectionError("at most %d streams may be open" % MAX_STREAMS)
        stream = Stream(self._next_id, self._output, self._on_stream_closed)
        self._next_id += 2
        self._streams[stream.id] = stream
        self._output.send(stream.id, frames.encode_frame(frames.OPEN, stream.id, to_json({"service": service})))
        return stream

    def read_waiting(self) -> None:
        """Reads everything that waits on stdin, before the lease is checked; stops if the server does not read our answers."""
        while not self._ended and not self._output.backpressured and self._read():
            pass

    def flush(self) -> bool:
        """Tries to write the waiting frames; returns whether all are written."""
        self._output.flush_now()
        return self._output.idle

    def _read(self) -> bool:
        try:
            chunk = os.read(self._source, _READ_BYTES)
        except BlockingIOError:
            return False
        except OSError as error:
            log("Cannot read stdin: %s" % error)
            chunk = b""
        if not chunk:
            self._on_input_end()
            return False
        self._scanner.feed(chunk)
        if self._output.backpressured:
            self._pause_reading()
        return True

    def _on_readable(self) -> None:
        self._read()

    def _on_input_end(self) -> None:
        self._ended = True
        self._pause_reading()
        self._reset_streams("the input has ended")

    def _pause_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._source)

    def _resume_reading(self) -> None:
        if not self._reading and not self._ended:
            self._reading = True
            self._loop.add_reader(self._source, self._on_readable)

    def _on_stream_writable(self, identifier: int) -> None:
        stream = self._streams.get(identifier)
        if stream is not None:
            stream.on_writable()

    def _on_attach(self, nonce: bytes) -> None:
        self._detach("another attach has begun")
        self.last_heard = self._loop.time()
        self.attached = True
        self._parser.reset()
        self._next_id = 2
        self._peer_ids = _UsedIds()
        self._events.rewind()
        hello = frames.encode_message(frames.HELLO, 0, to_json(self._handlers.hello()))
        self._output.attach(nonce + b"".join(hello))

    def _detach(self, reason: str) -> None:
        self.attached = False
        self._requests = RequestAssembler()
        self._reset_streams(reason)
        self._output.detach()

    def _reset_streams(self, reason: str) -> None:
        for stream in list(self._streams.values()):
            stream.on_reset(reason)

    def _on_frames(self, chunk: bytes, maybe_magic: int) -> None:
        if not self.attached:
            return
        try:
            for frame in self._parser.feed(chunk, maybe_magic):
                self._frame_handlers[frame.type](frame)
                self.last_heard = self._loop.time()
        except ProtocolError as error:
            log("The channel is broken: %s" % error)
            self._detach("the channel is broken")

    def _on_request(self, frame: Frame) -> None:
        request = self._requests.take(frame)
        if request is None:
            return
        if self._events.overrun:
            raise ProtocolError(
                "unacknowledged", "REQUEST while too many events of earlier ones are unacknowledged"
            )
        self._handlers.on_request(frame.id, request["method"], request.get("params", {}))

    def _on_ack(self, frame: Frame) -> None:
        self._events.acknowledge(frame.seq)
        if self._room_wanted and self._events.has_room:
            self._room_wanted = False
            self._handlers.on_room()

    def _on_ping(self, frame: Frame) -> None:
        self._output.send_first(frames.encode_frame(frames.PONG, 0, frame.payload))

    def _ignore(self, frame: Frame) -> None:
        pass

    def _on_open(self, frame: Frame) -> None:
        service = parse_object(frame.payload, "OPEN").get("service")
        if not self._peer_ids.add(frame.id):
            raise ProtocolError("bad_id", "OPEN: id %d was already used" % frame.id)
        stream = Stream(frame.id, self._output, self._on_stream_closed)
        if sum(1 for identifier in self._streams if identifier % 2) >= MAX_STREAMS:
            stream.reset("at most %d streams may be open" % MAX_STREAMS)
            return
        self._streams[stream.id] = stream
        refusal = self._handlers.on_open(stream, service if isinstance(service, str) else "")
        if refusal:
            stream.reset(refusal)

    def _on_data(self, frame: Frame) -> None:
        stream = self._streams.get(frame.id)
        if stream is not None:
            stream.on_data(frame.payload)
        elif not (frame.id in self._peer_ids if frame.id % 2 else frame.id < self._next_id):
            raise ProtocolError("not_open", "DATA on stream %d, which was never opened" % frame.id)

    def _on_stream_frame(self, frame: Frame) -> None:
        stream = self._streams.get(frame.id)
        if stream is None:
            return
        if frame.type == frames.CREDIT:
            stream.on_credit(frame.payload)
        elif frame.type == frames.END:
            stream.on_end()
        else:
            stream.on_reset(frame.payload.decode("utf-8", "replace"))

    def _on_stream_closed(self, identifier: int) -> None:
        self._streams.pop(identifier, None)


class _UsedIds:
    """The odd ids that were used, in little memory if they arrive roughly in order."""

    def __init__(self) -> None:
        self._below = 1
        self._above: Set[int] = set()

    def __contains__(self, identifier: int) -> bool:
        return identifier < self._below or identifier in self._above

    def add(self, identifier: int) -> bool:
        """Returns False if the id was already used."""
        if identifier in self:
            return False
        self._above.add(identifier)
        while self._below in self._above:
            self._above.discard(self._below)
            self._below += 2
        return True
