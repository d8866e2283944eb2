"""Moves the bytes of files: reads a file for a stream, writes one from a stream. Also renames files."""

from __future__ import annotations

import os
import stat
from typing import Any, Callable, Dict, Optional, Tuple

from agent.files_contract import FileError, Move, Read, Write, file_error, milliseconds, size_of
from agent.files_path import CREATE, Parent, Path, entry_stat, open_folder, open_parent, refuse_unless_regular
from agent.memory import Memory

# Bytes that are read or written in one turn of the loop.
TURN_BYTES = 256 << 10
# Between two looks at the memory that is free: what runs may take it during a transfer.
_MEMORY_STEP = 4 << 20
# A file of this size does not bring the sandbox to its memory limit: notes and scripts can be written when variables fill it.
_SMALL_BYTES = 64 << 10

# Gets each file that a request has written or renamed.
OnWritten = Callable[[os.stat_result], None]


def facts(found: os.stat_result) -> Dict[str, Any]:
    """A file's metadata for replies. `allocated` is how many bytes are stored: less than the size for a file with holes."""
    return {
        "size": size_of(found.st_size),
        "allocated": size_of(found.st_blocks * 512),
        "modified_ms": milliseconds(found.st_mtime_ns),
    }


class FileSource:
    """An open file. What is appended after it was opened is not read."""

    def __init__(self, fd: int, request: Read, shown: str, size: Optional[int] = None) -> None:
        """Owns fd. `size`: how many bytes may be read, if not the file's own size."""
        self._fd = fd
        self._shown = shown
        self._before = os.fstat(fd)
        self._size = size_of(self._before.st_size if size is None else size)
        start = request.offset if request.offset >= 0 else self._size + request.offset
        self._at = min(max(start, 0), self._size)
        self._left = min(request.limit, self._size - self._at)

    def facts(self) -> Dict[str, Any]:
        return {**facts(self._before), "size": self._size, "offset": self._at, "length": self._left}

    def read(self, most: int) -> bytes:
        """The next bytes; empty at the end. Raises FileError."""
        if self._left == 0:
            return b""
        try:
            data = os.pread(self._fd, min(most, self._left), self._at)
        except OSError as error:
            raise file_error(error, "read %s" % self._shown) from None
        if not data:
            message = "%s became shorter while it was read, at byte %d" % (self._shown, self._at)
            raise FileError("changed", message)
        self._at += len(data)
        self._left -= len(data)
        return data

    def changed(self) -> bool:
        """Whether the file was written to since it was opened."""
        after = os.fstat(self._fd)
        before = self._before
        return (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns)

    def close(self) -> None:
        os.close(self._fd)


class FileTarget:
    """A new file under a temporary name. It gets its final name, in the same folder, when all bytes are there."""

    def __init__(self, path: Path, request: Write, memory: Memory, on_written: OnWritten) -> None:
        """Raises FileError; then nothing is left behind."""
        self._memory = memory
        self._next_look = _MEMORY_STEP
        self._on_written = on_written
        self._path = path
        self._request = request
        self._received = 0
        self._parent = open_parent(path, create=True)
        self._name = b".upload-%s.part" % os.urandom(8).hex().encode()
        self._fd = -1
        try:
            self._check_target()
            _check_space(self._parent.fd, request.size or 0)
            _check_memory(memory, request.size or 0)
            self._fd = os.open(self._name, CREATE, 0o644, dir_fd=self._parent.fd)
        except BaseException as error:
            self._parent.undo()
            self._parent.close()
            if isinstance(error, OSError):
                raise file_error(error, "write %s" % path.shown) from None
            raise

    def write(self, data: bytes) -> None:
        """Raises FileError."""
        size = self._request.size
        self._received += len(data)
        if size is not None and self._received > size:
            raise FileError("incomplete", "More bytes arrived than the %d that were announced" % size)
        if self._received >= self._next_look:
            self._next_look = self._received + _MEMORY_STEP
            written = self._received - len(data)
            _check_memory(self._memory, _MEMORY_STEP if size is None else size - written)
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            raise file_error(error, "write %s" % self._path.shown) from None

    def finish(self) -> Dict[str, Any]:
        """Gives the file its name. Raises FileError."""
        size = self._request.size
        if size is not None and self._received != size:
            raise FileError("incomplete", "%d of %d bytes arrived" % (self._received, size))
        try:
            replaced = self._check_target()
            self._check_own()
            if self._request.overwrite:
                os.rename(
                    self._name, self._parent.name, src_dir_fd=self._parent.fd, dst_dir_fd=self._parent.fd
                )
            else:
                _rename_to_free_name(self._parent, self._name, self._parent)
        except OSError as error:
            raise file_error(error, "write %s" % self._path.shown) from None
        # After the rename, which changes the file's ctime.
        self._on_written(os.fstat(self._fd))
        os.close(self._fd)
        self._parent.close()
        return {"size": self._received, "replaced": replaced}

    def abort(self) -> None:
        """Removes what was written."""
        os.close(self._fd)
        try:
            os.unlink(self._name, dir_fd=self._parent.fd)
        except OSError:
            # Code in the sandbox removed it, or made its folder unwritable.
            pass
        self._parent.undo()
        self._parent.close()

    def _check_target(self) -> bool:
        """Returns whether there is a file to replace. Raises FileError if it must not be."""
        found = entry_stat(self._parent)
        if found is None:
            return False
        refuse_unless_regular(found, self._parent, self._path.shown)
        if not self._request.overwrite:
            raise FileError("exists", "%s exists" % self._path.shown)
        return True

    def _check_own(self) -> None:
        """Raises FileError if code has replaced the file under its temporary name."""
        own = os.fstat(self._fd)
        named = entry_stat(self._parent._replace(name=self._name))
        if named is None or (named.st_dev, named.st_ino) != (own.st_dev, own.st_ino):
            raise FileError("changed", "Code in the sandbox removed the upload of %s" % self._path.shown)


def _check_memory(memory: Memory, size: int) -> None:
    """Raises FileError unless this many bytes more leave memory for what runs."""
    room = memory.room()
    if room is not None and size > max(room, _SMALL_BYTES):
        message = "%d bytes do not fit into the sandbox's memory: of its %d bytes %d are left for files, and %d are kept free"
        raise FileError("memory_full", message % (size, memory.limit or 0, room, memory.kept))


def _check_space(fd: int, size: int) -> None:
    """Raises FileError unless the file system has room for another file of this size."""
    _, free, names = _space(fd)
    if size > free:
        message = "%d bytes do not fit: %d are free" % (size, free)
        raise FileError("workspace_full", message)
    if names == 0:
        raise FileError("workspace_full", "The file system cannot hold more files and folders")


def free_space(root: Path, memory: Memory) -> Dict[str, Any]:
    """The size of the file system, and what both it and the memory have room for. Raises FileError."""
    fd = open_folder(root)
    try:
        size, free, names = _space(fd)
    finally:
        os.close(fd)
    room = memory.room()
    return {"size": size, "free": free if room is None else min(free, room), "names": names}


def _space(fd: int) -> Tuple[int, int, int]:
    """Size and free bytes of a file system, and how many more files it can hold."""
    found = os.fstatvfs(fd)
    return found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize, found.f_favail


def move(
    source: Path, target: Path, request: Move, on_written: OnWritten
) -> Dict[str, Any]:
    """Renames a file, a folder or a link itself. Raises FileError."""
    action = "move %s to %s" % (source.shown, target.shown)
    old = open_parent(source)
    try:
        found = entry_stat(old)
        if found is None:
            raise FileError("not_found", "There is no file or folder %s" % source.shown)
        is_folder = stat.S_ISDIR(found.st_mode)
        if is_folder and target.names[: len(source.names)] == source.names != target.names:
            # Checked before folders are created for it, and because Linux only reports EINVAL.
            raise FileError("invalid_argument", "A folder cannot be moved into itself: %s is in %s" % (target.shown, source.shown))
        new = open_parent(target, create=True)
        try:
            there = entry_stat(new)
            if there is not None:
                if not request.overwrite:
                    raise FileError("exists", "%s exists" % target.shown)
                if stat.S_ISDIR(there.st_mode) and not is_folder:
                    message = "%s is a folder: name the file in it, as in %s/NAME"
                    raise FileError("is_a_folder", message % (target.shown, target.shown))
            if there is not None and not is_folder and _is_other_name(found, there, old, new):
                # Both names are hard links to one file: a rename would do nothing.
                os.unlink(old.name, dir_fd=old.fd)
            elif request.overwrite or is_folder:
                os.rename(old.name, new.name, src_dir_fd=old.fd, dst_dir_fd=new.fd)
            else:
                _rename_to_free_name(old, old.name, new)
            moved = entry_stat(new)
            if moved is not None:
                on_written(moved)
            return {"replaced": there is not None}
        except BaseException:
            new.undo()
            raise
        finally:
            new.close()
    except OSError as error:
        raise file_error(error, action) from None
    finally:
        old.close()


def _rename_to_free_name(old: Parent, name: bytes, new: Parent) -> None:
    """Renames a file or link, and never replaces anything, even if it appears at this moment. Raises OSError."""
    os.link(name, new.name, src_dir_fd=old.fd, dst_dir_fd=new.fd, follow_symlinks=False)
    try:
        os.unlink(name, dir_fd=old.fd)
    except FileNotFoundError:
        # Code in the sandbox removed it: the new name is the only one.
        pass
    except OSError:
        # The old name cannot be removed: without this, the file would keep both names after the error.
        os.unlink(new.name, dir_fd=new.fd)
        raise


def _is_other_name(found: os.stat_result, there: os.stat_result, old: Parent, new: Parent) -> bool:
    """Whether two different names are hard links to one file."""
    if not os.path.samestat(found, there):
        return False
    return old.name != new.name or not os.path.samestat(os.fstat(old.fd), os.fstat(new.fd))
