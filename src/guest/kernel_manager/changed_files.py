"""Finds the files under /workspace that are new or changed since an execution began. Runs in the agent, a slice at a time.

By the change time (ctime), which code in a sandbox cannot set: no forged time of modification hides or invents a change.
"""
from __future__ import annotations

import os
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Deque, Dict, Generator, List, Optional, Tuple

if TYPE_CHECKING:
    from agent.message_types import ChangedFiles

ROOT = "/workspace"
# Files of caches and tools, by the name of their folder; and what begins with a dot.
_SKIPPED = "__pycache__"
_MAX_LISTED = 50
# Longer paths are counted, not listed: the reply has to fit a message.
_MAX_CHARACTERS = 500
_MAX_DEPTH = 64
_MAX_WAITING_FOLDERS = 10_000
# Of files that changed so lately that another change could get the same time.
_MAX_RECENT = 10_000
_RECENT_NS = 20_000_000
# Seconds of looking: at least the first, at most the last, in between a part of the execution's own time.
_LEAST_SECONDS = 0.05
_SHARE_OF_EXECUTION = 0.1
_MOST_SECONDS = 0.5
# Seconds in one turn of the loop, and where a reply has a deadline. Entries between two looks at the clock.
_TURN_SECONDS = 0.005
_NOW_SECONDS = 0.02
_ENTRIES = 64
# The clock that file systems take times from, in steps of a few milliseconds: a change after now is never earlier than it.
_CLOCK_REALTIME_COARSE = 5

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class ChangedFilesFinder:
    """Looks once for each execution; no two looks at a time."""

    def __init__(self, loop: Any, root: str = ROOT) -> None:
        self._loop = loop
        self._root = root
        self._since = 0
        # Inode → change time and size, of files that changed shortly before the last look.
        self._recent: Dict[int, Tuple[int, int]] = {}
        # The same, of files that the agent itself wrote for the server since the last execution began; the last written comes last.
        self._written: Dict[int, Tuple[int, int]] = {}
        self._look: Optional[_Look] = None

    def written(self, found: os.stat_result) -> None:
        """The agent itself has written or renamed this file: that is no change of an execution that begins later."""
        self._written.pop(found.st_ino, None)
        self._written[found.st_ino] = (found.st_ctime_ns, found.st_size)
        if len(self._written) > _MAX_RECENT:
            del self._written[next(iter(self._written))]

    def begin(self) -> None:
        """An execution begins."""
        self.stop()
        self._recent.update(self._written)
        self._written.clear()
        self._since = time.clock_gettime_ns(_CLOCK_REALTIME_COARSE)

    def find(self, elapsed_seconds: float, on_found: "Callable[[ChangedFiles], None]") -> None:
        """Calls `on_found` once, now or in a later turn of the loop, unless find_now(), begin() or stop() comes first."""
        self.stop()
        allowed = min(max(_LEAST_SECONDS, elapsed_seconds * _SHARE_OF_EXECUTION), _MOST_SECONDS)
        look = self._look = _Look(self._root, self._since, self._recent)

        def go_on() -> None:
            if look is not self._look:
                return
            if look.go_on(_TURN_SECONDS) or look.seconds >= allowed:
                on_found(self._end(look))
            else:
                self._loop.call_soon(go_on)

        go_on()

    def find_now(self) -> "ChangedFiles":
        """As find(), in the shortest time and at once."""
        look = self._look = self._look or _Look(self._root, self._since, self._recent)
        look.go_on(_NOW_SECONDS)
        return self._end(look)

    def stop(self) -> None:
        """Ends a look without a result."""
        if self._look is not None:
            self._look.close()
            self._look = None

    def _end(self, look: "_Look") -> "ChangedFiles":
        self._look = None
        look.close()
        self._recent = look.recent
        return {"changed": sorted(look.listed), "count": look.count, "complete": look.complete}


class _Look:
    """One look at all files, in steps. Folders that have changed themselves come first: new files are most likely there."""

    def __init__(self, root: str, since: int, earlier: Dict[int, Tuple[int, int]]) -> None:
        self.listed: List[str] = []
        self.count = 0
        self.complete = True
        self.recent: Dict[int, Tuple[int, int]] = {}
        self.seconds = 0.0
        self._root = root
        self._since = since
        self._earlier = earlier
        self._recent_since = time.clock_gettime_ns(_CLOCK_REALTIME_COARSE) - _RECENT_NS
        self._folders: Deque[Tuple[str, ...]] = deque([()])
        self._steps = self._walk()
        self._ended = False

    def go_on(self, seconds: float) -> bool:
        """Looks for that long; returns whether it has seen all."""
        begun = time.monotonic()
        until = begun + seconds
        for _ in self._steps:
            if time.monotonic() >= until:
                break
        else:
            self._ended = True
        self.seconds += time.monotonic() - begun
        return self._ended

    def close(self) -> None:
        self._steps.close()
        self.complete = self.complete and self._ended

    def _walk(self) -> Generator[None, None, None]:
        while self._folders:
            folder = self._folders.popleft()
            try:
                fd = self._open(folder)
            except (FileNotFoundError, NotADirectoryError):
                # Removed meanwhile.
                continue
            except OSError:
                # Unreadable, or replaced by a link.
                self.complete = False
                continue
            try:
                yield from self._entries(folder, fd)
            except OSError:
                self.complete = False
            finally:
                os.close(fd)

    def _open(self, folder: Tuple[str, ...]) -> int:
        """Name by name, without following links: code may replace a folder with a link at any time."""
        fd = os.open(self._root, _FOLDER)
        for name in folder:
            try:
                below = os.open(name, _FOLDER, dir_fd=fd)
            finally:
                os.close(fd)
            fd = below
        return fd

    def _entries(self, folder: Tuple[str, ...], fd: int) -> Generator[None, None, None]:
        with os.scandir(fd) as entries:
            for number, entry in enumerate(entries):
                if number % _ENTRIES == _ENTRIES - 1:
                    yield
                name = entry.name
                if name.startswith("."):
                    continue
                try:
                    if entry.is_file(follow_symlinks=False):
                        self._file(folder, name, entry.stat(follow_symlinks=False))
                    elif entry.is_dir(follow_symlinks=False) and name != _SKIPPED:
                        self._folder((*folder, name), entry.stat(follow_symlinks=False))
                except FileNotFoundError:
                    continue
        yield

    def _file(self, folder: Tuple[str, ...], name: str, found: os.stat_result) -> None:
        changed = found.st_ctime_ns
        if changed < self._since and changed < self._recent_since:
            return
        if changed >= self._recent_since and len(self.recent) < _MAX_RECENT:
            self.recent[found.st_ino] = (changed, found.st_size)
        if changed < self._since or self._earlier.get(found.st_ino) == (changed, found.st_size):
            return
        self.count += 1
        if len(self.listed) < _MAX_LISTED:
            path = "/".join((*folder, name)).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            if len(path) <= _MAX_CHARACTERS:
                self.listed.append(path)

    def _folder(self, folder: Tuple[str, ...], found: os.stat_result) -> None:
        if len(folder) > _MAX_DEPTH or len(self._folders) >= _MAX_WAITING_FOLDERS:
            self.complete = False
        elif found.st_ctime_ns >= self._since:
            self._folders.appendleft(folder)
        else:
            self._folders.append(folder)
