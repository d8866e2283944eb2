"""The output of an execution: reads its two pipes, decodes, joins, caps and counts. Runs in the agent.

It keeps the beginning and the end of each stream: the first half of the cap is sent at once, the last half when the execution ends.
"""
from __future__ import annotations

import array
import codecs
import fcntl
import os
import termios
from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from agent.saved_output import SavedCopy, SavedOutputs

if TYPE_CHECKING:
    from agent.message_types import Event, SavedStream, SavedStreams, Stream, StreamName, StreamTotals

_F_SETPIPE_SZ = 1031
_PIPE_BYTES = 1 << 18
READ_BYTES = 1 << 18
# An event is sent when it has this many characters, or after this time.
_FLUSH_CHARACTERS = 32768
_FLUSH_SECONDS = 0.02
# Characters of one event: at most six bytes each, which keeps it below a message's limit.
_EVENT_CHARACTERS = 40_000

NAMES: "Tuple[StreamName, ...]" = ("stdout", "stderr")


class WholeCharacters:
    """Holds back an incomplete character at the end of a read: other processes may print between its bytes."""

    def __init__(self) -> None:
        self._part = b""

    def take(self, data: bytes) -> bytes:
        data = self._part + data
        cut = len(data) - _unfinished(data)
        self._part = data[cut:]
        return data[:cut]

    def rest(self) -> bytes:
        part, self._part = self._part, b""
        return part


def _unfinished(data: bytes) -> int:
    """How many bytes at the end are an incomplete UTF-8 character."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 != 0x80:
            length = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
            return back if back < length else 0
    return 0


def continuation(data: "bytes | bytearray") -> int:
    """How many bytes at the start belong to a character that began earlier."""
    start = 0
    while start < min(3, len(data)) and data[start] & 0xC0 == 0x80:
        start += 1
    return start


def new_pipe() -> Tuple[int, int]:
    """The read end, which does not block, and the write end. Raises OSError."""
    read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(read_fd, False)
    try:
        fcntl.fcntl(read_fd, _F_SETPIPE_SZ, _PIPE_BYTES)
    except OSError:
        pass
    return read_fd, write_fd


class PrintedTotals(NamedTuple):
    """What an execution printed: the totals of each stream, and where the copies are."""

    totals: "Dict[str, StreamTotals]"
    saved: "SavedStreams"


NOTHING_PRINTED = PrintedTotals({}, {"stdout": None, "stderr": None})


class _Pipe:
    def __init__(self, name: "StreamName", saved: SavedCopy) -> None:
        self.name = name
        self.saved = saved
        self.read_fd, self.write_fd = new_pipe()
        self.whole = WholeCharacters()
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.pending: List[str] = []
        self.length = 0
        self.bytes = 0
        self.head_left = 0
        self.tail = bytearray()
        self.ended = False
        self.watched = False


class ExecutionOutput:
    """The two pipes of one execution. It sends at most `limit` bytes of each, the first half and the last half, and saves a copy."""

    def __init__(
        self,
        loop: Any,
        limit: int,
        emit: "Callable[[Event], None]",
        can_emit: Callable[[], bool],
        outputs: SavedOutputs,
        execution: str,
    ) -> None:
        self._loop = loop
        self._head_bytes = limit // 2
        self._tail_bytes = limit - limit // 2
        self._emit = emit
        self._can_emit = can_emit
        self._timer: Any = None
        self._pipes: List[_Pipe] = []
        try:
            for name in NAMES:
                self._pipes.append(_Pipe(name, outputs.begin(execution, name)))
                self._pipes[-1].head_left = limit // 2
        except OSError:
            self.close()
            raise
        self.resume()

    def take_write_fds(self) -> List[int]:
        """Returns the write ends for the kernel; the caller closes them."""
        fds = [pipe.write_fd for pipe in self._pipes]
        for pipe in self._pipes:
            pipe.write_fd = -1
        return fds

    def resume(self) -> None:
        for pipe in self._pipes:
            if not pipe.watched and not pipe.ended:
                pipe.watched = True
                self._loop.add_reader(pipe.read_fd, self._on_readable, pipe)

    def drain(self) -> None:
        """Reads what is in the pipes now, though not what background processes write meanwhile; then sends all of it."""
        for pipe in self._pipes:
            left = 0 if pipe.ended else waiting(pipe.read_fd)
            while left > 0:
                data = read(pipe.read_fd, min(left, READ_BYTES))
                if not data:
                    break
                left -= len(data)
                self._take(pipe, pipe.whole.take(data))
        self.flush()

    def flush(self) -> None:
        """Sends the text collected so far."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for pipe in self._pipes:
            if pipe.pending:
                text = "".join(pipe.pending)
                pipe.pending, pipe.length = [], 0
                self._send({"type": "stream", "name": pipe.name, "text": text})

    def finish(self, give: "Callable[[StreamName, int], None]") -> PrintedTotals:
        """Drains for the last time, passes on the pipes that other processes still have, and returns the totals."""
        self.drain()
        totals: "Dict[str, StreamTotals]" = {}
        saved: "SavedStreams" = {"stdout": None, "stderr": None}
        for pipe in self._pipes:
            self._take(pipe, pipe.whole.rest())
        self.flush()
        for pipe in self._pipes:
            skipped = self._send_tail(pipe)
            totals[pipe.name] = {"bytes": pipe.bytes, "kept": pipe.bytes - skipped}
            saved[pipe.name] = _ended(pipe.saved)
            self._unwatch(pipe)
            if pipe.write_fd >= 0:
                os.close(pipe.write_fd)
                pipe.write_fd = -1
            if pipe.ended:
                os.close(pipe.read_fd)
            else:
                give(pipe.name, pipe.read_fd)
        self._pipes = []
        return PrintedTotals(totals, saved)

    def close(self) -> None:
        for pipe in self._pipes:
            self._unwatch(pipe)
            pipe.saved.end()
            for fd in (pipe.read_fd, pipe.write_fd):
                if fd >= 0:
                    os.close(fd)
        self._pipes = []

    def _on_readable(self, pipe: _Pipe) -> None:
        if any(each.head_left > 0 for each in self._pipes) and not self._can_emit():
            for each in self._pipes:
                self._unwatch(each)
            return
        data = read(pipe.read_fd, READ_BYTES)
        if data:
            self._take(pipe, pipe.whole.take(data))
        elif data is not None:
            pipe.ended = True
            self._unwatch(pipe)

    def _take(self, pipe: _Pipe, data: bytes) -> None:
        if not data:
            return
        pipe.bytes += len(data)
        pipe.saved.add(data)
        head, rest = data[: pipe.head_left], data[pipe.head_left :]
        pipe.head_left -= len(head)
        if rest:
            pipe.tail += rest
            # Not with each read, which would copy it each time.
            if len(pipe.tail) > 2 * self._tail_bytes + READ_BYTES:
                del pipe.tail[: len(pipe.tail) - self._tail_bytes]
        if not head:
            return
        text = pipe.decoder.decode(head)
        pipe.pending.append(text)
        pipe.length += len(text)
        if pipe.length >= _FLUSH_CHARACTERS:
            self.flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(_FLUSH_SECONDS, self._on_timer)

    def _send_tail(self, pipe: _Pipe) -> int:
        """Sends the end of a stream, and returns how many bytes before it were omitted."""
        head = self._head_bytes - pipe.head_left
        del pipe.tail[: max(0, len(pipe.tail) - self._tail_bytes)]
        skipped = pipe.bytes - head - len(pipe.tail)
        event: "Stream" = {"type": "stream", "name": pipe.name, "text": ""}
        if skipped:
            # Incomplete characters on both sides of the gap count as left out.
            skipped += len(pipe.decoder.getstate()[0])
            pipe.decoder.reset()
            start = continuation(pipe.tail)
            del pipe.tail[:start]
            skipped += start
            event["skipped"] = skipped
        # An incomplete character at the very end is replaced.
        event["text"] = pipe.decoder.decode(bytes(pipe.tail), True)
        self._send(event)
        return skipped

    def _send(self, event: "Stream") -> None:
        """Sends one event or several, each short enough not to block the server."""
        text = event["text"]
        if text or event.get("skipped"):
            event["text"] = text[:_EVENT_CHARACTERS]
            self._emit(event)
        for start in range(_EVENT_CHARACTERS, len(text), _EVENT_CHARACTERS):
            self._emit({"type": "stream", "name": event["name"], "text": text[start : start + _EVENT_CHARACTERS]})

    def take(self, name: str, data: bytes) -> None:
        """Takes whole characters from the pipe of an earlier execution."""
        for pipe in self._pipes:
            if pipe.name == name:
                self._take(pipe, data)

    def _on_timer(self) -> None:
        self._timer = None
        self.flush()

    def _unwatch(self, pipe: _Pipe) -> None:
        if pipe.watched:
            pipe.watched = False
            self._loop.remove_reader(pipe.read_fd)


def _ended(saved: SavedCopy) -> "Optional[SavedStream]":
    if not saved.end():
        return None
    return {"path": saved.path, "bytes": saved.bytes, "complete": saved.complete}


def read(fd: int, size: int) -> Optional[bytes]:
    """Returns bytes, b"" at the end, None when there are none yet."""
    try:
        return os.read(fd, size)
    except (BlockingIOError, InterruptedError):
        return None
    except OSError:
        return b""


def waiting(fd: int) -> int:
    count = array.array("i", [0])
    try:
        fcntl.ioctl(fd, termios.FIONREAD, count)
    except OSError:
        return 0
    return count[0]
