"""Finds the files under /workspace that are new or changed since an execution began. Runs in the agent, a slice at a time.

It compares change times (ctime), because code in a sandbox cannot set them: a forged modification time neither hides a change nor fakes one.
"""
from __future__ import annotations

import os
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Deque, Dict, Generator, List, Optional, Tuple

if TYPE_CHECKING:
    from agent.message_types import ChangedFiles

ROOT = "/workspace"
# Python's caches. Names that begin with a dot are skipped as well.
_SKIPPED = "__pycache__"
_MAX_LISTED = 50
# Longer paths are only counted, so that the reply fits into a message.
_MAX_CHARACTERS = 500
_MAX_DEPTH = 64
_MAX_WAITING_FOLDERS = 10_000
# Remembered files that changed within the last _RECENT_NS: another change could get the same time.
_MAX_RECENT = 10_000
_RECENT_NS = 20_000_000
# Seconds of looking: at least the first, at most the last, in between a part of the execution's own time.
_LEAST_SECONDS = 0.05
_SHARE_OF_EXECUTION = 0.1
_MOST_SECONDS = 0.5
# Seconds in one turn of the loop; seconds if the reply has a deadline; entries between two readings of the clock.
_TURN_SECONDS = 0.005
_NOW_SECONDS = 0.02
_ENTRIES = 64
# At least this many steps are made, each a folder or _ENTRIES of one: on a busy machine the time can pass without a step.
_LEAST_STEPS = 32
# The clock of file systems, which advances in steps of a few milliseconds: a change after this moment never has an earlier time than it shows.
_CLOCK_REALTIME_COARSE = 5

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class ChangedFilesFinder:
    """Searches once for each execution, one search at a time."""

    def __init__(self, loop: Any, root: str = ROOT) -> None:
        self._loop = loop
        self._root = root
        self._since = 0
        # Inode → change time and size, of files that changed shortly before the last search.
        self._recent: Dict[int, Tuple[int, int]] = {}
        # Also inode → change time and size: of files that the agent wrote for the server since the last execution began, in that order.
        self._written: Dict[int, Tuple[int, int]] = {}
        self._search: Optional[_Search] = None

    def written(self, found: os.stat_result) -> None:
        """Records that the agent itself has written or renamed this file, so that it does not count as changed by a later execution."""
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
        search = self._search = _Search(self._root, self._since, self._recent)

        def go_on() -> None:
            if search is not self._search:
                return
            if search.go_on(_TURN_SECONDS) or search.has_spent(allowed):
                on_found(self._end(search))
            else:
                self._loop.call_soon(go_on)

        go_on()

    def find_now(self) -> "ChangedFiles":
        """Searches like find(), but at once and in the shortest time."""
        search = self._search = self._search or _Search(self._root, self._since, self._recent)
        while not search.go_on(_NOW_SECONDS) and not search.has_spent(_NOW_SECONDS):
            pass
        return self._end(search)

    def stop(self) -> None:
        """Ends a search without a result."""
        if self._search is not None:
            self._search.close()
            self._search = None

    def _end(self, search: "_Search") -> "ChangedFiles":
        self._search = None
        search.close()
        self._recent = search.recent
        return {"changed": sorted(search.listed), "count": search.count, "complete": search.complete}


class _Search:
    """One search through all files, in steps. It visits folders that have themselves changed first, because new files are most likely there."""

    def __init__(self, root: str, since: int, earlier: Dict[int, Tuple[int, int]]) -> None:
        self.listed: List[str] = []
        self.count = 0
        self.complete = True
        self.recent: Dict[int, Tuple[int, int]] = {}
        self._seconds = 0.0
        self._step_count = 0
        self._root = root
        self._since = since
        self._earlier = earlier
        self._recent_since = time.clock_gettime_ns(_CLOCK_REALTIME_COARSE) - _RECENT_NS
        self._folders: Deque[Tuple[str, ...]] = deque([()])
        self._steps = self._walk()
        self._ended = False

    def go_on(self, seconds: float) -> bool:
        """Searches for that long; returns whether it has seen all files."""
        begun = time.monotonic()
        until = begun + seconds
        for _ in self._steps:
            self._step_count += 1
            if time.monotonic() >= until:
                break
        else:
            self._ended = True
        self._seconds += time.monotonic() - begun
        return self._ended

    def has_spent(self, seconds: float) -> bool:
        """Whether it has searched for that long, and has made the least number of steps."""
        return self._seconds >= seconds and self._step_count >= _LEAST_STEPS

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
        """Opens a folder name by name, without following links: code may replace a folder with a link at any time."""
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
