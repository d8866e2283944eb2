"""sys.stdout and sys.stderr of a kernel: text on descriptors 1 and 2, which the agent points to fresh pipes for each cell.

What a thread of an earlier cell prints belongs to no running cell, and is dropped.
"""
from __future__ import annotations

import ctypes
import io
import sys
import threading
from threading import current_thread, enumerate as _live_threads, get_ident
from typing import Any
from weakref import WeakSet

_stale: WeakSet[Any] = WeakSet()
# Between a thread's look whether it is late and its write, no new cell may begin.
_gate = threading.RLock()
_GATE_SECONDS = 0.5
_main = threading.main_thread()
_IOLBF = 1


class CellStream(io.TextIOWrapper):
    """Line-buffered UTF-8 on a descriptor that closing the stream leaves open."""

    def __init__(self, fd: int) -> None:
        raw = io.FileIO(fd, "w", closefd=False)
        super().__init__(io.BufferedWriter(raw, 8192), encoding="utf-8", errors="backslashreplace", line_buffering=True)
        self.mode = "w"

    @property
    def name(self) -> str:  # type: ignore[override]
        return "<stdout>" if self.fileno() == 1 else "<stderr>"

    def write(self, text: str) -> int:
        if get_ident() == _main.ident:
            return super().write(text)
        with _gate:
            return len(text) if is_late() else super().write(text)


def is_late() -> bool:
    """Whether the calling thread was started by an earlier cell."""
    return get_ident() != _main.ident and current_thread() in _stale


class Streams:
    """The two streams, made anew when user code has closed them."""

    def __init__(self) -> None:
        self._out = CellStream(1)
        self._err = CellStream(2)
        self._libc = ctypes.CDLL(None)
        for name in ("stdout", "stderr"):
            try:
                # C code prints when it prints, not when 4 KiB are together.
                handle = ctypes.c_void_p.in_dll(self._libc, name)
                self._libc.setvbuf(handle, None, _IOLBF, ctypes.c_size_t(8192))
            except (AttributeError, ValueError):
                pass

    def begin_cell(self) -> None:
        """Puts the streams in their place, whatever the cell before did to them."""
        if self._out.closed:
            self._out = CellStream(1)
        if self._err.closed:
            self._err = CellStream(2)
        sys.stdout = sys.__stdout__ = self._out
        sys.stderr = sys.__stderr__ = self._err

    def end_cell(self) -> None:
        """Makes every other thread one of an earlier cell, and empties the buffers while the descriptors are still that cell's."""
        taken = _gate.acquire(timeout=_GATE_SECONDS)
        try:
            for thread in _live_threads():
                if thread is not _main:
                    _stale.add(thread)
        finally:
            if taken:
                _gate.release()
        self.flush_python()

    def after_fork(self) -> None:
        """In a child, the thread that held the gate does not exist."""
        global _gate
        _gate = threading.RLock()

    def flush(self) -> None:
        """Hands all that Python and C have buffered to the pipes."""
        for stream in (self._out, self._err):
            try:
                stream.flush()
            except (OSError, ValueError):
                pass
        self._libc.fflush(None)

    def flush_python(self) -> None:
        """As flush(), but only Python's part; used before a fork, or a child would print it again."""
        for stream in (self._out, self._err):
            try:
                stream.flush()
            except (OSError, ValueError, RuntimeError):
                pass
