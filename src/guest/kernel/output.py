"""What a cell prints: two pipes made for it alone, decoded, put together, capped and counted. Runs in the agent."""
from __future__ import annotations

import array
import codecs
import fcntl
import os
import termios
from typing import Any, Callable, Dict, List, Optional

_F_SETPIPE_SZ = 1031
_PIPE_BYTES = 1 << 18
_READ_BYTES = 1 << 18
# An event is sent when this much is together, or after this long.
_FLUSH_CHARACTERS = 32768
_FLUSH_SECONDS = 0.02
# A process that was left behind may print at most one read in this time: it must not keep PID 1 busy.
_LATE_SECONDS = 0.02
_MAX_LATE_PIPES = 64

NAMES = ("stdout", "stderr")


class _Pipe:
    def __init__(self, name: str) -> None:
        self.name = name
        self.read_fd, self.write_fd = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.read_fd, False)
        try:
            fcntl.fcntl(self.read_fd, _F_SETPIPE_SZ, _PIPE_BYTES)
        except OSError:
            pass
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.pending: List[str] = []
        self.length = 0
        self.bytes = 0
        self.kept = 0
        self.ended = False
        self.watched = False


class CellOutput:
    """The two pipes of one cell. Keeps the first `limit` bytes of both together, counts and drops the rest."""

    def __init__(self, loop: Any, limit: int, emit: Callable[[Dict[str, Any]], None], can_emit: Callable[[], bool]) -> None:
        self._loop = loop
        self._left = limit
        self._emit = emit
        self._can_emit = can_emit
        self._timer: Any = None
        self._pipes: List[_Pipe] = []
        try:
            for name in NAMES:
                self._pipes.append(_Pipe(name))
        except OSError:
            self.close()
            raise
        self.resume()

    def take_write_fds(self) -> List[int]:
        """The ends that the kernel gets; the caller closes ours."""
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
        """Takes what is in the pipes now, and not what a process left behind goes on to write; then sends all of it."""
        for pipe in self._pipes:
            waiting = 0 if pipe.ended else _waiting(pipe.read_fd)
            while waiting > 0:
                data = _read(pipe.read_fd, min(waiting, _READ_BYTES))
                if not data:
                    break
                waiting -= len(data)
                self._take(pipe, data)
        self.flush()

    def flush(self) -> None:
        """Sends what was put together so far."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for pipe in self._pipes:
            if pipe.pending:
                text = "".join(pipe.pending)
                pipe.pending, pipe.length = [], 0
                if text:
                    self._emit({"type": "stream", "name": pipe.name, "text": text})

    def finish(self, late: "LateOutput") -> Dict[str, Dict[str, int]]:
        """Drains for the last time, gives the pipes away, and returns the totals."""
        self.drain()
        for pipe in self._pipes:
            # A character cut by the cap is left out; one that the cell itself left unfinished is replaced.
            if pipe.kept == pipe.bytes:
                pipe.pending.append(pipe.decoder.decode(b"", True))
        self.flush()
        for pipe in self._pipes:
            self._unwatch(pipe)
            if pipe.write_fd >= 0:
                os.close(pipe.write_fd)
                pipe.write_fd = -1
            if pipe.ended:
                os.close(pipe.read_fd)
            else:
                late.add(pipe.read_fd)
        totals = {pipe.name: {"bytes": pipe.bytes, "kept": pipe.kept} for pipe in self._pipes}
        self._pipes = []
        return totals

    def close(self) -> None:
        for pipe in self._pipes:
            self._unwatch(pipe)
            for fd in (pipe.read_fd, pipe.write_fd):
                if fd >= 0:
                    os.close(fd)
        self._pipes = []

    def _on_readable(self, pipe: _Pipe) -> None:
        if self._left > 0 and not self._can_emit():
            for each in self._pipes:
                self._unwatch(each)
            return
        data = _read(pipe.read_fd, _READ_BYTES)
        if data:
            self._take(pipe, data)
        elif data is not None:
            pipe.ended = True
            self._unwatch(pipe)

    def _take(self, pipe: _Pipe, data: bytes) -> None:
        pipe.bytes += len(data)
        if self._left <= 0:
            return
        kept = data[: self._left]
        self._left -= len(kept)
        pipe.kept += len(kept)
        text = pipe.decoder.decode(kept)
        pipe.pending.append(text)
        pipe.length += len(text)
        if pipe.length >= _FLUSH_CHARACTERS:
            self.flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(_FLUSH_SECONDS, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.flush()

    def _unwatch(self, pipe: _Pipe) -> None:
        if pipe.watched:
            pipe.watched = False
            self._loop.remove_reader(pipe.read_fd)


class LateOutput:
    """The pipes of cells that have ended. What comes through them is dropped, slowly, so that its writer can go on."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._fds: Dict[int, Any] = {}

    def add(self, fd: int) -> None:
        while len(self._fds) >= _MAX_LATE_PIPES:
            self._remove(next(iter(self._fds)))
        self._fds[fd] = None
        self._loop.add_reader(fd, self._on_readable, fd)

    def close(self) -> None:
        for fd in list(self._fds):
            self._remove(fd)

    def _on_readable(self, fd: int) -> None:
        if _read(fd, _READ_BYTES) == b"":
            self._remove(fd)
            return
        self._loop.remove_reader(fd)
        self._fds[fd] = self._loop.call_later(_LATE_SECONDS, self._watch, fd)

    def _watch(self, fd: int) -> None:
        self._fds[fd] = None
        self._loop.add_reader(fd, self._on_readable, fd)

    def _remove(self, fd: int) -> None:
        timer = self._fds.pop(fd)
        if timer is not None:
            timer.cancel()
        else:
            self._loop.remove_reader(fd)
        os.close(fd)


def _read(fd: int, size: int) -> Optional[bytes]:
    """Bytes; empty at the end; None when there is nothing yet."""
    try:
        return os.read(fd, size)
    except (BlockingIOError, InterruptedError):
        return None
    except OSError:
        return b""


def _waiting(fd: int) -> int:
    count = array.array("i", [0])
    try:
        fcntl.ioctl(fd, termios.FIONREAD, count)
    except OSError:
        return 0
    return count[0]
