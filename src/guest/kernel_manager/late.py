"""Output of threads and processes of earlier cells, through the pipes of those cells. Runs in the agent."""
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple

from .output import NAMES, READ_BYTES, WholeCharacters, continuation, new_pipe, read, waiting

if TYPE_CHECKING:
    from agent.message_types import Stream, StreamName

# At most one read of a pipe in this time: a flood must not keep PID 1 busy.
_PAUSE_SECONDS = 0.02
_MAX_PIPES = 256
# Bytes of each stream that are kept while no cell runs: of its beginning, and as many of its end.
_KEPT_BYTES = 1 << 15


class _Pipe(NamedTuple):
    name: "StreamName"
    whole: WholeCharacters
    # The timer that ends its pause; empty while the pipe is watched.
    timers: List[Any]


class LatePipes:
    """The pipes of executions that have ended, as long as a process can write to them.

    `take` gets the name of the stream and whole characters.
    """

    def __init__(self, loop: Any, take: "Callable[[StreamName, bytes], None]") -> None:
        self._loop = loop
        self._take = take
        self._pipes: Dict[int, _Pipe] = {}

    def add(self, name: "StreamName", fd: int) -> None:
        while len(self._pipes) >= _MAX_PIPES:
            self._remove(next(iter(self._pipes)))
        self._pipes[fd] = _Pipe(name, WholeCharacters(), [])
        self._loop.add_reader(fd, self._on_readable, fd)

    def open(self) -> List[int]:
        """Makes a pipe for each stream of an execution without output of its own; returns the write ends. Raises OSError."""
        ends: List[int] = []
        for name in NAMES:
            try:
                read_fd, write_fd = new_pipe()
            except OSError:
                for fd in ends:
                    os.close(fd)
                raise
            self.add(name, read_fd)
            ends.append(write_fd)
        return ends

    def drain(self) -> None:
        """Reads what is in the pipes now."""
        for fd, pipe in list(self._pipes.items()):
            if waiting(fd) > 0:
                data = read(fd, READ_BYTES)
                if data:
                    self._give(pipe, data)

    def close(self) -> None:
        for fd in list(self._pipes):
            self._remove(fd)

    def _on_readable(self, fd: int) -> None:
        data = read(fd, READ_BYTES)
        if data == b"":
            self._remove(fd)
            return
        pipe = self._pipes[fd]
        self._loop.remove_reader(fd)
        pipe.timers.append(self._loop.call_later(_PAUSE_SECONDS, self._watch, fd))
        if data:
            self._give(pipe, data)

    def _give(self, pipe: _Pipe, data: bytes) -> None:
        whole = pipe.whole.take(data)
        if whole:
            self._take(pipe.name, whole)

    def _watch(self, fd: int) -> None:
        self._pipes[fd].timers.clear()
        self._loop.add_reader(fd, self._on_readable, fd)

    def _remove(self, fd: int) -> None:
        pipe = self._pipes.pop(fd)
        if pipe.timers:
            pipe.timers[0].cancel()
        else:
            self._loop.remove_reader(fd)
        os.close(fd)
        rest = pipe.whole.rest()
        if rest:
            self._take(pipe.name, rest)


class BetweenCells:
    """What was printed while no cell ran, until the next execution shows it: of each stream the beginning and the end."""

    def __init__(self) -> None:
        self._head = {name: bytearray() for name in NAMES}
        self._tail = {name: bytearray() for name in NAMES}
        self._dropped = {name: 0 for name in NAMES}

    def add(self, name: "StreamName", data: bytes) -> None:
        head, tail = self._head[name], self._tail[name]
        if not tail:
            room = _KEPT_BYTES - len(head)
            while 0 < room < len(data) and data[room] & 0xC0 == 0x80:
                room -= 1
            head += data[:room]
            data = data[room:]
        tail += data
        more = len(tail) - _KEPT_BYTES
        if more > 0:
            # The rest of a cut character is dropped, too.
            more += continuation(tail[more : more + 3])
            del tail[:more]
            self._dropped[name] += more

    def take(self) -> "List[Stream]":
        """Returns its events, once."""
        events: "List[Stream]" = []
        for name in NAMES:
            for part, skipped in ((self._head[name], 0), (self._tail[name], self._dropped[name])):
                if part:
                    event: "Stream" = {
                        "type": "stream",
                        "name": name,
                        "late": True,
                        "text": part.decode("utf-8", "replace"),
                    }
                    if skipped:
                        event["skipped"] = skipped
                    events.append(event)
                    part.clear()
            self._dropped[name] = 0
        return events
