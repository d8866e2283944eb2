"""Paths of the file service, resolved one component at a time from a descriptor: no symbolic link is followed, at any level.

Code in the sandbox may replace what a path names at any moment. It can thereby make a request fail, or make it reach another file of
/workspace, which that code could read and write anyway. It cannot make a request reach anything outside /workspace: every step starts
at the descriptor of a folder inside and follows one name, which is neither a link nor "..".
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from typing import List, NamedTuple, Optional, Tuple

from agent.files_contract import FileError, file_error

MAX_NAME_BYTES = 255
MAX_PATH_BYTES = 4096
# O_NONBLOCK: opening a FIFO, or a file on which code has a lease, must not wait.
_SAFE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | _SAFE
READ = os.O_RDONLY | _SAFE
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE
_MAX_LINK_SHOWN = 200
# A path that messages show as it is; they show any other as a JSON string, as results do.
_PLAIN = re.compile(r"[\w.+@%=~/-]+")
# The most folders that one request creates. It keeps the parent of each one open until it ends.
_MAX_CREATED = 32


class Path(NamedTuple):
    """A checked path: its root, the names below that, and its form in messages."""

    root: str
    names: Tuple[bytes, ...]
    shown: str

    @property
    def is_root(self) -> bool:
        return not self.names


class Parent(NamedTuple):
    """An open folder, and a name in it."""

    fd: int
    name: bytes
    # Folders that were created on the way: (a descriptor of the folder above, the name), outermost first.
    created: List[Tuple[int, bytes]]

    def close(self) -> None:
        os.close(self.fd)
        for fd, _ in self.created:
            os.close(fd)

    def undo(self) -> None:
        """Removes the folders that were created, if they are empty."""
        for fd, name in reversed(self.created):
            try:
                os.rmdir(name, dir_fd=fd)
            except OSError:
                return


def checked_path(text: str, roots: Tuple[str, ...]) -> Path:
    """Checks a path: relative to the first root, or absolute below one of them. Raises FileError."""
    try:
        encoded = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise FileError("invalid_argument", "The path is not valid Unicode") from None
    if not encoded:
        raise FileError("invalid_argument", "The path is empty")
    if b"\0" in encoded:
        raise FileError("invalid_argument", "The path has a NUL character")
    if len(encoded) > MAX_PATH_BYTES:
        raise FileError(
            "invalid_argument",
            "The path must have at most %d bytes: it has %d" % (MAX_PATH_BYTES, len(encoded)),
        )
    names = [name for name in encoded.split(b"/") if name not in (b"", b".")]
    root = roots[0]
    if encoded.startswith(b"/"):
        for each in roots:
            prefix = [name for name in os.fsencode(each).split(b"/") if name]
            if names[: len(prefix)] == prefix:
                root, names = each, names[len(prefix) :]
                break
        else:
            message = "%s is outside %s: paths are relative to it, or begin with %s/"
            raise FileError("invalid_argument", message % (quoted_name(encoded), root, root))
    for name in names:
        if name == b"..":
            raise FileError("invalid_argument", 'The path must not contain ".."')
        if len(name) > MAX_NAME_BYTES:
            message = "Each name in a path must have at most %d bytes: one has %d"
            raise FileError("invalid_argument", message % (MAX_NAME_BYTES, len(name)))
    shown = quoted_name(b"/".join(names)) if names else root
    return Path(root, tuple(names), shown)


def shown_name(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def quoted_name(name: bytes) -> str:
    """A name for a message. Quoted unless plain: code in the sandbox chooses names, and a line feed in one could forge a line of a result."""
    text = shown_name(name)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=not text.isprintable())


def open_folder(path: Path) -> int:
    """Opens a folder for reading. Raises FileError."""
    fd = _open_root(path)
    try:
        for depth, name in enumerate(path.names):
            fd = _step(path, depth, fd, name)
    except BaseException:
        os.close(fd)
        raise
    return fd


def open_parent(path: Path, create: bool = False) -> Parent:
    """Opens the folder that holds the path's last name; creates missing ones if asked. Raises FileError."""
    if path.is_root:
        raise FileError("is_a_folder", "%s is the folder of all files: name a file or folder in it" % path.root)
    fd = _open_root(path)
    created: List[Tuple[int, bytes]] = []
    try:
        for depth, name in enumerate(path.names[:-1]):
            if create and _make_folder(path, depth, fd, name):
                created.append((os.dup(fd), name))
                if len(created) > _MAX_CREATED:
                    message = "At most %d folders are created at once" % _MAX_CREATED
                    raise FileError("invalid_argument", message)
            fd = _step(path, depth, fd, name)
    except BaseException:
        parent = Parent(fd, b"", created)
        parent.undo()
        parent.close()
        raise
    return Parent(fd, path.names[-1], created)


def entry_stat(parent: Parent) -> Optional[os.stat_result]:
    """The metadata of what has the name, without following a link; None if there is nothing. Raises OSError."""
    try:
        return os.stat(parent.name, dir_fd=parent.fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def open_regular(path: Path) -> int:
    """Opens a file for reading if it is a regular one. Raises FileError."""
    parent = open_parent(path)
    try:
        found = entry_stat(parent)
        if found is None:
            raise FileError("not_found", "There is no file %s" % path.shown)
        refuse_unless_regular(found, parent, path.shown)
        fd = os.open(parent.name, READ, dir_fd=parent.fd)
        try:
            # Checked again: code may have replaced the file before it was opened.
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise FileError("special_file", "%s is not a regular file" % path.shown)
        except BaseException:
            os.close(fd)
            raise
        return fd
    except OSError as error:
        raise file_error(error, "open %s" % path.shown) from None
    finally:
        parent.close()


def refuse_unless_regular(found: os.stat_result, parent: Parent, shown: str) -> None:
    """Raises FileError unless it is a regular file."""
    mode = found.st_mode
    if stat.S_ISREG(mode):
        return
    if stat.S_ISDIR(mode):
        raise FileError("is_a_folder", "%s is a folder" % shown)
    if stat.S_ISLNK(mode):
        raise FileError("symbolic_link", link_message(parent.fd, parent.name, shown))
    kind = "a FIFO" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
    raise FileError("special_file", "%s is %s, not a regular file" % (shown, kind))


def link_message(fd: int, name: bytes, shown: str) -> str:
    try:
        target = quoted_name(os.readlink(name, dir_fd=fd)[:_MAX_LINK_SHOWN])
    except OSError:
        target = "an unknown path"
    return "%s is a symbolic link, to %s: links are not followed" % (shown, target)


def _open_root(path: Path) -> int:
    try:
        return os.open(path.root, _FOLDER)
    except OSError as error:
        raise file_error(error, "open %s" % path.root) from None


def _step(path: Path, depth: int, fd: int, name: bytes) -> int:
    """Opens a folder in the open folder fd, and closes fd. If it raises FileError, fd stays open."""
    try:
        inner = os.open(name, _FOLDER, dir_fd=fd)
    except OSError as error:
        shown = quoted_name(b"/".join(path.names[: depth + 1]))
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            if _is_link(fd, name):
                raise FileError("symbolic_link", link_message(fd, name, shown)) from None
            raise FileError("not_a_folder", "%s is not a folder" % shown) from None
        if error.errno == errno.ENOENT:
            raise FileError("not_found", "There is no folder %s" % shown) from None
        raise file_error(error, "open %s" % shown) from None
    os.close(fd)
    return inner


def _is_link(fd: int, name: bytes) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _make_folder(path: Path, depth: int, fd: int, name: bytes) -> bool:
    """Creates a folder. Returns False if the name is taken. Raises FileError."""
    try:
        os.mkdir(name, 0o755, dir_fd=fd)
    except FileExistsError:
        return False
    except OSError as error:
        shown = quoted_name(b"/".join(path.names[: depth + 1]))
        raise file_error(error, "create the folder %s" % shown) from None
    return True
