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


class Handlers(NamedTuple):
    """What the channel calls."""

    hello: "Callable[[], Hello]"
    request: Callable[[int, str, Any], None]
    # Gives the new stream its owner; a text refuses it.
    open: Callable[[Stream, str], str]
    # The window has room again, after can_emit said no.
    room: Callable[[], None]


class Channel:
    """Reads frames from one descriptor and writes frames to another, for one server at a time."""

    def __init__(self, loop: Reactor, source: int, sink: int, handlers: Handlers) -> None:
        self.last_heard = loop.time()
        self.attached = False
        self._loop = loop
        self._source = source
        self._handlers = handlers
        self._events = EventWindow()
        self._output = Output(loop, sink, self._events, self._resume_reading, self._writable)
        self._parser = FrameParser()
        self._scanner = AttachScanner(self._attach, self._frames)
        self._reading = False
        self._ended = False
        self._room_wanted = False
        self._streams: Dict[int, Stream] = {}
        self._requests = RequestAssembler()
        self._next_id = 2
        self._theirs = _UsedIds()
        self._on_frame: Dict[int, Callable[[Frame], None]] = {
            frames.REQUEST: self._request,
            frames.ACK: self._acknowledged,
            frames.PING: self._ping,
            frames.PONG: self._ignore,
            frames.OPEN: self._opened,
            frames.DATA: self._data,
            frames.CREDIT: self._on_stream,
            frames.END: self._on_stream,
            frames.RESET: self._on_stream,
        }

    def start(self) -> None:
        self._resume_reading()

    def emit(self, request_id: int, event: "Event") -> None:
        """Numbers an event and sends it, now and again until it is acknowledged."""
        self._events.add(request_id, event)
        self._output.poke()

    def can_emit(self) -> bool:
        """Whether there is room for more events; when it says no, `handlers.room` tells when there is again."""
        if self._events.has_room:
            return True
        self._room_wanted = True
        return False

    def open_stream(self, service: str) -> Stream:
        """Opens a stream towards a service of the server. Raises ConnectionError when it cannot be."""
        if not self.attached:
            raise ConnectionError("no server is attached")
        if sum(1 for identifier in self._streams if identifier % 2 == 0) >= MAX_STREAMS:
            raise ConnectionError("at most %d streams may be open" % MAX_STREAMS)
        stream = Stream(self._next_id, self._output, self._gone)
        self._next_id += 2
        self._streams[stream.id] = stream
        self._output.send(stream.id, frames.encode_frame(frames.OPEN, stream.id, to_json({"service": service})))
        return stream

    def read_waiting(self) -> None:
        """Reads all that waits on stdin, before the lease is judged; not of a server that does not read our answers."""
        while not self._ended and not self._output.choked and self._read():
            pass

    def flush(self) -> bool:
        """Tries to write what waits; returns whether nothing is left."""
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
            self._input_ended()
            return False
        self._scanner.feed(chunk)
        if self._output.choked:
            self._pause_reading()
        return True

    def _readable(self) -> None:
        self._read()

    def _input_ended(self) -> None:
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
            self._loop.add_reader(self._source, self._readable)

    def _writable(self, identifier: int) -> None:
        stream = self._streams.get(identifier)
        if stream is not None:
            stream.writable()

    def _attach(self, nonce: bytes) -> None:
        self._detach("another attach has begun")
        self.last_heard = self._loop.time()
        self.attached = True
        self._parser.reset()
        self._next_id = 2
        self._theirs = _UsedIds()
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
            stream.take_reset(reason)

    def _frames(self, chunk: bytes, doubtful: int) -> None:
        if not self.attached:
            return
        try:
            for frame in self._parser.feed(chunk, doubtful):
                self._on_frame[frame.type](frame)
                self.last_heard = self._loop.time()
        except ProtocolError as error:
            log("The channel is broken: %s" % error)
            self._detach("the channel is broken")

    def _request(self, frame: Frame) -> None:
        request = self._requests.take(frame)
        if request is None:
            return
        if self._events.overrun:
            raise ProtocolError(
                "unacknowledged", "REQUEST while the events of earlier ones are not acknowledged"
            )
        self._handlers.request(frame.id, request["method"], request.get("params", {}))

    def _acknowledged(self, frame: Frame) -> None:
        self._events.acknowledge(frame.seq)
        if self._room_wanted and self._events.has_room:
            self._room_wanted = False
            self._handlers.room()

    def _ping(self, frame: Frame) -> None:
        self._output.send_first(frames.encode_frame(frames.PONG, 0, frame.payload))

    def _ignore(self, frame: Frame) -> None:
        pass

    def _opened(self, frame: Frame) -> None:
        service = parse_object(frame.payload, "OPEN").get("service")
        if not self._theirs.add(frame.id):
            raise ProtocolError("bad_id", "OPEN: id %d was used before" % frame.id)
        stream = Stream(frame.id, self._output, self._gone)
        if sum(1 for identifier in self._streams if identifier % 2) >= MAX_STREAMS:
            stream.reset("at most %d streams may be open" % MAX_STREAMS)
            return
        self._streams[stream.id] = stream
        refusal = self._handlers.open(stream, service if isinstance(service, str) else "")
        if refusal:
            stream.reset(refusal)

    def _data(self, frame: Frame) -> None:
        stream = self._streams.get(frame.id)
        if stream is not None:
            stream.take_data(frame.payload)
        elif not (frame.id in self._theirs if frame.id % 2 else frame.id < self._next_id):
            raise ProtocolError("not_open", "DATA on stream %d, which was never opened" % frame.id)

    def _on_stream(self, frame: Frame) -> None:
        stream = self._streams.get(frame.id)
        if stream is None:
            return
        if frame.type == frames.CREDIT:
            stream.take_credit(frame.payload)
        elif frame.type == frames.END:
            stream.take_end()
        else:
            stream.take_reset(frame.payload.decode("utf-8", "replace"))

    def _gone(self, identifier: int) -> None:
        self._streams.pop(identifier, None)


class _UsedIds:
    """Odd ids that were used, in little memory where they come about in order."""

    def __init__(self) -> None:
        self._below = 1
        self._above: Set[int] = set()

    def __contains__(self, identifier: int) -> bool:
        return identifier < self._below or identifier in self._above

    def add(self, identifier: int) -> bool:
        """Returns False where it was used before."""
        if identifier in self:
            return False
        self._above.add(identifier)
        while self._below in self._above:
            self._above.discard(self._below)
            self._below += 2
        return True
