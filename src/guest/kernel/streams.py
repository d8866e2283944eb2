"""sys.stdout and sys.stderr of a kernel: text on descriptors 1 and 2, which the agent points to fresh pipes for each cell."""
from __future__ import annotations

import ctypes
import io
import sys

_IOLBF = 1


class CellStream(io.TextIOWrapper):
    """Line-buffered UTF-8 on a descriptor that stays open when the stream is closed."""

    def __init__(self, fd: int) -> None:
        raw = io.FileIO(fd, "w", closefd=False)
        super().__init__(io.BufferedWriter(raw, 8192), encoding="utf-8", errors="backslashreplace", line_buffering=True)
        setattr(self, "mode", "w")

    @property
    def name(self) -> str:
        return "<stdout>" if self.fileno() == 1 else "<stderr>"

    def seekable(self) -> bool:
        return False


class Streams:
    """The two streams; recreates them if user code has closed them."""

    def __init__(self) -> None:
        self._out = CellStream(1)
        self._err = CellStream(2)
        self._libc = ctypes.CDLL(None)
        for name in ("stdout", "stderr"):
            try:
                # C code prints at once, not only when 4 KiB are buffered.
                handle = ctypes.c_void_p.in_dll(self._libc, name)
                self._libc.setvbuf(handle, None, _IOLBF, ctypes.c_size_t(8192))
            except (AttributeError, ValueError):
                pass

    def begin_cell(self) -> None:
        """Installs the streams, whatever an earlier cell did to them."""
        if self._out.closed:
            self._out = CellStream(1)
        if self._err.closed:
            self._err = CellStream(2)
        sys.stdout = sys.__stdout__ = self._out  # type: ignore[misc]
        sys.stderr = sys.__stderr__ = self._err  # type: ignore[misc]

    def flush(self) -> None:
        """Writes all that Python and C have buffered to the pipes."""
        for stream in (self._out, self._err):
            try:
                stream.flush()
            except (OSError, ValueError):
                pass
        self._libc.fflush(None)

    def flush_python(self) -> None:
        """Like flush(), but only Python's buffers. Called before a fork; without it, the child would print them again."""
        for stream in (self._out, self._err):
            try:
                stream.flush()
            except (OSError, ValueError, RuntimeError):
                pass
