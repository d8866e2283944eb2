"""Copies of what executions print, from the first byte on, for the file service: /outputs/<execution>/stdout and stderr.

A copy is a memfd of the agent: processes of cells cannot open it (the agent is undumpable), and at the execution's end it is sealed.
Its pages count as the sandbox's memory, so copies end before they could take memory that programs need.
"""

from __future__ import annotations

import fcntl
import os
from typing import Dict, List, Optional, Tuple

from agent.memory import Memory

ROOT = "/outputs"
# Shorter output has no copy: all of it is in the result.
SAVED_ABOVE_BYTES = 1024
_MAX_BYTES = 128 << 20
# Each takes a descriptor of the agent.
_MAX_COPIES = 256
# Shares of the memory limit: all copies may take 1/16, and 1/8 must be free. One copy leaves 1/8 of what all may take to other streams.
_SHARE_OF_LIMIT = 16
_SHARE_FOR_OTHERS = 8
_FREE_SHARE_OF_LIMIT = 8
_SEALS = (
    getattr(fcntl, "F_SEAL_SHRINK", 2)
    | getattr(fcntl, "F_SEAL_GROW", 4)
    | getattr(fcntl, "F_SEAL_WRITE", 8)
    | getattr(fcntl, "F_SEAL_SEAL", 1)
)
_F_ADD_SEALS = getattr(fcntl, "F_ADD_SEALS", 1033)


class SavedCopy:
    """The copy of one stream of one execution: its first `bytes` bytes; all of them if `complete`."""

    def __init__(self, outputs: "SavedOutputs", path: str) -> None:
        self.path = path
        self.bytes = 0
        self.complete = True
        self.fd = -1
        self.ended = False
        self._outputs = outputs
        self._begin = bytearray()

    def add(self, data: bytes) -> None:
        """Appends the next bytes of the stream."""
        if not self.complete:
            return
        if self.fd < 0:
            self._begin += data
            if len(self._begin) <= SAVED_ABOVE_BYTES:
                return
            data = bytes(self._begin)
            self._begin.clear()
            self.fd = self._outputs.create(self)
        kept = data[: self._outputs.room(self, len(data))] if self.fd >= 0 else b""
        self.complete = self._write(kept) and len(kept) == len(data)

    def end(self) -> bool:
        """Seals it: nothing is appended any more. Returns whether there is a copy."""
        self.ended = True
        self._begin.clear()
        if self.fd < 0:
            return False
        try:
            fcntl.fcntl(self.fd, _F_ADD_SEALS, _SEALS)
        except OSError:
            pass
        return True

    def close(self) -> None:
        """Frees its memory, once no reader has it open."""
        self.complete = False
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def _write(self, data: bytes) -> bool:
        try:
            left = memoryview(data)
            while left:
                count = os.pwrite(self.fd, left, self.bytes)
                self.bytes += count
                left = left[count:]
        except OSError:
            return False
        return True


class SavedOutputs:
    """All copies of a sandbox, the oldest first. When they reach a limit, the oldest ones of ended executions are dropped."""

    def __init__(self, memory: Memory) -> None:
        self._free = memory.free
        limit = memory.limit
        share = _MAX_BYTES if limit is None else limit // _SHARE_OF_LIMIT
        self._max_bytes = min(_MAX_BYTES, share)
        self._max_stream_bytes = self._max_bytes - self._max_bytes // _SHARE_FOR_OTHERS
        self._must_be_free = 0 if limit is None else limit // _FREE_SHARE_OF_LIMIT
        self._copies: Dict[str, SavedCopy] = {}

    def begin(self, execution: str, stream: str) -> SavedCopy:
        """A copy for a stream. It exists once the stream is longer than SAVED_ABOVE_BYTES."""
        return SavedCopy(self, "%s/%s/%s" % (ROOT, execution, stream))

    def open(self, path: str) -> Optional[Tuple[int, int]]:
        """A descriptor to read a copy from, which the caller closes, and the copy's bytes so far; None if there is none. Raises OSError."""
        copy = self._copies.get(path)
        if copy is None or copy.fd < 0:
            return None
        # Opened again and not duplicated: read-only, with an offset of its own.
        return os.open("/proc/self/fd/%d" % copy.fd, os.O_RDONLY | os.O_CLOEXEC), copy.bytes

    def list(self) -> List[Tuple[str, int]]:
        """The path and the bytes of each copy, the oldest first."""
        return [(path, copy.bytes) for path, copy in self._copies.items()]

    def create(self, copy: SavedCopy) -> int:
        """For a copy: its memfd; -1 where the system has none."""
        old = self._copies.pop(copy.path, None)
        if old is not None:
            old.close()
        while len(self._copies) >= _MAX_COPIES and self._drop_oldest():
            pass
        if len(self._copies) >= _MAX_COPIES:
            return -1
        try:
            fd = os.memfd_create("output", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        except (OSError, AttributeError):
            return -1
        self._copies[copy.path] = copy
        return fd

    def room(self, copy: SavedCopy, wanted: int) -> int:
        """For a copy: how many of the wanted bytes it may append. Drops older copies for it."""
        wanted = min(wanted, self._max_stream_bytes - copy.bytes)
        left, spare = self._left(), self._spare()
        while wanted > min(left, spare) and self._drop_oldest():
            left, spare = self._left(), self._spare()
        wanted = min(wanted, left)
        return wanted if 0 < wanted <= spare else 0

    def _left(self) -> int:
        """How many bytes more all copies may have."""
        return self._max_bytes - sum(copy.bytes for copy in self._copies.values())

    def _spare(self) -> int:
        """How many bytes may be taken so that enough memory stays free."""
        free = self._free()
        return self._max_bytes if free is None else free - self._must_be_free

    def _drop_oldest(self) -> bool:
        path = next((path for path, copy in self._copies.items() if copy.ended), None)
        if path is None:
            return False
        self._copies.pop(path).close()
        return True
