"""The requests of the file service that may look at many names: `list` and `remove`.

Both are generators that yield often, so that the agent's loop can do other work. Closing the generator ends the request.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from itertools import islice
from typing import Any, Deque, Dict, Generator, List, NamedTuple, Optional, Tuple

from agent.files_contract import FileError, file_error, milliseconds, size_of
from agent.files_contract import List as ListRequest
from agent.files_contract import Remove
from agent.files_path import Path, Parent, entry_stat, open_folder, open_parent, shown_name

# Names that a request looks at before it pauses.
_PER_TURN = 100
# The most names that a request looks at, because code may create files as fast as they are counted.
MAX_NAMES = 100_000
# The most bytes of names in a reply. As JSON they may take six times as many, and the server parses the reply in one step.
_MAX_REPLY_BYTES = 256 << 10

Steps = Generator[None, None, Dict[str, Any]]


class Entry(NamedTuple):
    """An entry of a list. `target` is where a symbolic link points."""

    names: Tuple[bytes, ...]
    kind: str
    size: int
    modified_ms: int
    target: Optional[bytes]


def kind_of(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "other"


class _Listing:
    """Collects the first entries in the order of paths, and the totals of all."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: List[Entry] = []
        self.counts = {"file": 0, "folder": 0, "link": 0, "other": 0}
        self.bytes = 0

    @property
    def seen(self) -> int:
        return sum(self.counts.values())

    def add(self, entry: Entry) -> None:
        self.counts[entry.kind] += 1
        if entry.kind == "file":
            self.bytes += entry.size
        self._kept.append(entry)
        if len(self._kept) >= 2 * self._limit + _PER_TURN:
            self._cut()

    def first(self) -> List[Entry]:
        self._cut()
        return self._kept

    def _cut(self) -> None:
        self._kept.sort(key=lambda entry: entry.names)
        del self._kept[self._limit :]


def list_folder(path: Path, request: ListRequest) -> Steps:
    """Lists a folder. Folders whose names begin with a dot are listed, but not what is in them. Raises FileError."""
    listing = _Listing(request.limit)
    # (names below the listed folder, level)
    pending: Deque[Tuple[Tuple[bytes, ...], int]] = deque([((), 1)])
    complete = True
    closed_folders = 0
    while pending and complete:
        below, level = pending.popleft()
        try:
            fd = open_folder(path._replace(names=path.names + below))
        except FileError:
            if not below:
                raise
            # Code removed or replaced it, or made it unreadable, after its name was read.
            closed_folders += 1
            continue
        try:
            with os.scandir(fd) as found:
                for each in found:
                    entry = _entry(fd, below, os.fsencode(each.name))
                    if entry is None:
                        continue
                    listing.add(entry)
                    if entry.kind == "folder":
                        if level < request.depth and not entry.names[-1].startswith(b"."):
                            pending.append((entry.names, level + 1))
                        else:
                            closed_folders += 1
                    if listing.seen % _PER_TURN == 0:
                        yield
                    if listing.seen >= MAX_NAMES:
                        complete = False
                        break
        except OSError as error:
            if not below:
                raise file_error(error, "list %s" % path.shown) from None
            closed_folders += 1
        finally:
            os.close(fd)
        yield
    entries = listing.first()
    lines: List[Dict[str, Any]] = []
    size = 0
    for entry in entries:
        size += sum(map(len, entry.names)) + len(entry.target or b"")
        if size > _MAX_REPLY_BYTES:
            break
        lines.append(_shown(entry))
    counts = listing.counts
    result = {
        "entries": lines,
        "files": counts["file"],
        "folders": counts["folder"],
        "links": counts["link"],
        "others": counts["other"],
        "bytes": size_of(listing.bytes),
        # Folders whose content is not counted: hidden ones, those below the depth, and those that could not be opened.
        "closed_folders": closed_folders,
        "complete": complete,
    }
    return result


def _entry(fd: int, below: Tuple[bytes, ...], name: bytes) -> Optional[Entry]:
    try:
        found = os.stat(name, dir_fd=fd, follow_symlinks=False)
        kind = kind_of(found.st_mode)
        target = os.readlink(name, dir_fd=fd) if kind == "link" else None
    except OSError:
        return None
    return Entry(below + (name,), kind, size_of(found.st_size), milliseconds(found.st_mtime_ns), target)


def _shown(entry: Entry) -> Dict[str, Any]:
    return {
        "path": shown_name(b"/".join(entry.names)),
        "kind": entry.kind,
        "size": entry.size,
        "modified_ms": entry.modified_ms,
        "target": None if entry.target is None else shown_name(entry.target),
    }


def remove(path: Path, request: Remove) -> Steps:
    """Removes a file, a link (not what it points to), or a folder. Raises FileError, whose message says how much was removed before."""
    parent = open_parent(path)
    try:
        found = entry_stat(parent)
        if found is None:
            raise FileError("not_found", "There is no file or folder %s" % path.shown)
        if not stat.S_ISDIR(found.st_mode):
            os.unlink(parent.name, dir_fd=parent.fd)
            return {"removed": 1}
        if request.recursive:
            emptying = _Emptying(parent, path)
            yield from emptying.steps()
            return {"removed": emptying.removed + 1}
        try:
            os.rmdir(parent.name, dir_fd=parent.fd)
        except OSError as error:
            raise file_error(error, "remove the folder %s" % path.shown) from None
        return {"removed": 1}
    except OSError as error:
        raise file_error(error, "remove %s" % path.shown) from None
    finally:
        parent.close()


class _Emptying:
    """Removes a folder of any depth with two descriptors: it moves inner folders up into the one that is removed, then empties them there."""

    def __init__(self, parent: Parent, path: Path) -> None:
        self._parent = parent
        self._path = path
        self._fresh = 0
        # Random, so that the new names of inner folders are free.
        self._prefix = b".removing-%s-" % os.urandom(8).hex().encode()
        self._looked = 0
        self.removed = 0

    def steps(self) -> Generator[None, None, None]:
        root = open_folder(self._path)
        try:
            while True:
                before = self.removed
                yield from self._empty(root, root)
                try:
                    os.rmdir(self._parent.name, dir_fd=self._parent.fd)
                    return
                except OSError as error:
                    # Not empty: code is creating files in it, or some could not be removed. Without progress it gives up.
                    if self.removed == before:
                        raise self._failed(error) from None
        finally:
            os.close(root)

    def _empty(self, root: int, folder: int) -> Generator[None, None, None]:
        while True:
            with os.scandir(folder) as found:
                names = [os.fsencode(each.name) for each in islice(found, _PER_TURN)]
            if not names:
                return
            for name in names:
                self._looked += 1
                # Folders that were moved up are looked at twice.
                if self._looked > MAX_NAMES + self._fresh:
                    message = "Stopped removing %s after %d names: repeat the call to go on" % (self._path.shown, MAX_NAMES)
                    raise FileError("changed", message + self._gone())
                yield from self._remove(root, folder, name)
            yield

    def _remove(self, root: int, folder: int, name: bytes) -> Generator[None, None, None]:
        try:
            if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                os.unlink(name, dir_fd=folder)
            elif not _rmdir(folder, name):
                if folder != root:
                    self._fresh += 1
                    fresh = self._prefix + b"%d" % self._fresh
                    os.rename(name, fresh, src_dir_fd=folder, dst_dir_fd=root)
                    return
                inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root)
                try:
                    yield from self._empty(root, inner)
                finally:
                    os.close(inner)
                if not _rmdir(root, name):
                    return
            self.removed += 1
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._failed(error) from None

    def _failed(self, error: OSError) -> FileError:
        failed = file_error(error, "remove all of %s" % self._path.shown)
        return FileError(failed.code, failed.message + self._gone())

    def _gone(self) -> str:
        return ". Removed before that: %d" % self.removed


def _rmdir(folder: int, name: bytes) -> bool:
    """Returns False if the folder is not empty."""
    try:
        os.rmdir(name, dir_fd=folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True
