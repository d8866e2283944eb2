"""Serves files under /workspace to the server: one stream of the service `files` for each request (FILES.md).

It needs no kernel: requests are served while a cell runs. It does not block the loop: a file's bytes move in portions as the stream
has room, and a request that looks at many names pauses between them.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from agent.files_contract import (
    MAX_HEADER_BYTES,
    FileError,
    Move,
    Read,
    Remove,
    Space,
    Stat,
    Write,
    file_error,
    file_request,
    line_of,
)
from agent.files_contract import List as ListRequest
from agent.files_folders import Steps, kind_of, list_folder, remove
from agent.files_path import Path, checked_path, entry_stat, open_folder, open_parent, open_regular, quoted_name, shown_name
from agent.files_transfer import TURN_BYTES, FileSource, FileTarget, OnWritten, facts, free_space, move
from agent.memory import sandbox_memory
from agent.process import log_exception
from agent.reactor import Reactor
from agent.streams import Stream, StreamOwner

WORKSPACE = "/workspace"
OUTPUTS = "/outputs"
# Most requests at a time: each may hold a few descriptors.
MAX_REQUESTS = 16

# Opens a saved output by its path under /outputs. Returns a descriptor, which the caller closes, and how many bytes to read; None if there is no such output.
OpenSaved = Callable[[str], Optional[Tuple[int, int]]]

class FileService:
    """All requests of a container."""

    def __init__(
        self,
        loop: Reactor,
        root: str = WORKSPACE,
        open_saved: Optional[OpenSaved] = None,
        on_written: OnWritten = lambda _: None,
    ) -> None:
        self.loop = loop
        self.memory = sandbox_memory()
        self.on_written = on_written
        self.root = root
        self.open_saved = open_saved
        self._requests: Set["_Request"] = set()

    def serve(self, stream: Stream) -> None:
        request = _Request(self, stream, self._requests.discard)
        if len(self._requests) >= MAX_REQUESTS:
            request.fail(FileError("busy", "At most %d requests for files may run at once" % MAX_REQUESTS))
        else:
            self._requests.add(request)

    def path(self, text: str) -> Path:
        return checked_path(text, (self.root,))

    def open_source(self, request: Read) -> FileSource:
        """Opens a file or a saved output for reading. Raises FileError."""
        path = checked_path(request.path, (self.root, OUTPUTS))
        if path.root == OUTPUTS:
            whole = b"/".join((os.fsencode(OUTPUTS), *path.names))
            opened = None if self.open_saved is None else self.open_saved(shown_name(whole))
            if opened is None:
                raise FileError("not_found", "There is no saved output %s" % quoted_name(whole))
            return FileSource(opened[0], request, quoted_name(whole), opened[1])
        return FileSource(open_regular(path), request, path.shown)


class _Request(StreamOwner):
    """One request: reads the header, does what it asks for, replies, and ends the agent's half of the stream."""

    def __init__(self, service: FileService, stream: Stream, on_done: Callable[["_Request"], None]) -> None:
        self._service = service
        self._stream = stream
        self._on_done = on_done
        self._header: Optional[bytearray] = bytearray()
        # Lines to send. The source's bytes follow them.
        self._replies: List[bytes] = []
        self._source: Optional[FileSource] = None
        self._target: Optional[FileTarget] = None
        self._steps: Optional[Steps] = None
        self._answered = False
        # True once a file's bytes may follow: then an error cannot be a line.
        self._carries_bytes = False
        self._pumping = False
        stream.owner = self

    # -- What the stream reports --

    def on_data(self, data: bytes) -> None:
        if self._header is not None:
            data = self._take_header(data)
        if self._target is not None and data:
            self._guarded(self._target.write, data)
        # After the write, so that the server sends no faster than the agent writes.
        self._stream.consumed(len(data))

    def on_end(self) -> None:
        if self._target is not None:
            target = self._target

            def finish() -> None:
                result = target.finish()
                self._target = None
                self._reply(result)

            self._guarded(finish)
        elif self._header is not None:
            self.fail(FileError("invalid_argument", "The header's line did not end"))

    def on_reset(self, reason: str) -> None:
        self._replies.clear()
        self._release()
        self._on_done(self)

    def on_writable(self) -> None:
        self._pump()

    # -- The request --

    def fail(self, error: FileError) -> None:
        """Replies with an error, or resets the stream if a file's bytes are being sent."""
        self._release()
        self._header = None
        if self._carries_bytes:
            self._stream.reset("%s: %s" % (error.code, error.message))
            self._on_done(self)
        else:
            self._send({"error": {"code": error.code, "message": error.message[:2000]}})

    def _take_header(self, data: bytes) -> bytes:
        """Returns what follows the header."""
        assert self._header is not None
        self._header += data
        end = self._header.find(b"\n")
        if end < 0:
            self._stream.consumed(len(data))
            if len(self._header) > MAX_HEADER_BYTES:
                self.fail(FileError("invalid_argument", "A header may have at most %d bytes" % MAX_HEADER_BYTES))
            return b""
        line, rest = bytes(self._header[:end]), bytes(self._header[end + 1 :])
        self._header = None
        self._stream.consumed(len(data) - len(rest))
        self._guarded(self._begin, line)
        return rest

    def _begin(self, line: bytes) -> None:
        service = self._service
        request = file_request(line)
        if isinstance(request, Read):
            self._source = service.open_source(request)
            self._carries_bytes = True
            self._send({"result": self._source.facts()})
        elif isinstance(request, Write):
            self._target = FileTarget(service.path(request.path), request, service.memory, service.on_written)
            # The server sends the bytes after this line.
            self._send({"result": {}})
        elif isinstance(request, ListRequest):
            self._run(list_folder(service.path(request.path), request))
        elif isinstance(request, Remove):
            self._run(remove(service.path(request.path), request))
        elif isinstance(request, Move):
            self._reply(move(service.path(request.path), service.path(request.to), request, service.on_written))
        elif isinstance(request, Stat):
            self._reply(_stat(service.path(request.path)))
        else:
            assert isinstance(request, Space)
            self._reply(free_space(service.path("."), service.memory))

    def _run(self, steps: Steps) -> None:
        self._steps = steps
        self._service.loop.call_soon(self._guarded, self._step)

    def _step(self) -> None:
        if self._steps is None:
            return
        try:
            next(self._steps)
        except StopIteration as end:
            self._steps = None
            self._reply(end.value)
        else:
            self._service.loop.call_soon(self._guarded, self._step)

    def _guarded(self, act: Callable[..., None], *args: Any) -> None:
        """Turns an exception into the request's error."""
        try:
            act(*args)
        except FileError as error:
            self.fail(error)
        except OSError as error:
            self.fail(file_error(error, "finish the request"))
        except Exception as error:
            log_exception("A request for files failed")
            self.fail(FileError("internal", "The agent failed: %r" % error))

    # -- The reply --

    def _reply(self, result: Dict[str, Any]) -> None:
        self._release()
        self._send({"result": result})

    def _send(self, value: Dict[str, Any]) -> None:
        self._answered = True
        self._replies.append(line_of(value))
        self._pump()

    def _pump(self) -> None:
        """Sends what there is room for, and ends the stream after the last byte."""
        if self._pumping:
            return
        self._pumping = True
        try:
            self._guarded(self._send_turn)
        finally:
            self._pumping = False

    def _send_turn(self) -> None:
        left = TURN_BYTES
        while self._stream.open:
            room = min(self._stream.room, left)
            if room == 0:
                break
            data = self._next(room)
            if not data:
                if self._answered and self._target is None and self._steps is None:
                    self._stream.end()
                    self._on_done(self)
                return
            self._stream.send(data)
            left -= len(data)
        if left == 0 and self._stream.open:
            self._service.loop.call_soon(self._pump)

    def _next(self, room: int) -> bytes:
        if self._replies:
            data, rest = self._replies[0][:room], self._replies[0][room:]
            if rest:
                self._replies[0] = rest
            else:
                del self._replies[0]
            return data
        if self._source is None:
            return b""
        data = self._source.read(room)
        if data:
            return data
        changed = self._source.changed()
        self._release()
        self._replies.append(line_of({"result": {"changed": changed}}))
        return self._next(room)

    def _release(self) -> None:
        """Closes what the request has open, and removes what it has only partly written."""
        source, target, steps = self._source, self._target, self._steps
        self._source = self._target = self._steps = None
        if source is not None:
            source.close()
        if target is not None:
            target.abort()
        if steps is not None:
            steps.close()


def _stat(path: Path) -> Dict[str, Any]:
    if path.is_root:
        fd = open_folder(path)
        try:
            found = os.fstat(fd)
        finally:
            os.close(fd)
        return {"kind": "folder", **facts(found)}
    parent = open_parent(path)
    try:
        entry = entry_stat(parent)
    finally:
        parent.close()
    if entry is None:
        raise FileError("not_found", "There is no file or folder %s" % path.shown)
    return {"kind": kind_of(entry.st_mode), **facts(entry)}
