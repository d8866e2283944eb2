"""The requests and errors of the file service (FILES.md). Each request is a header line in JSON, which is checked here."""

from __future__ import annotations

import errno
import json
from typing import Any, Callable, Dict, NamedTuple, Optional, Union

from agent.fields import Fields, InvalidMessage
from agent.frames import ProtocolError
from agent.messages import parse_object

MAX_HEADER_BYTES = 64 << 10
MAX_ENTRIES = 2000
MAX_DEPTH = 32
_MAX_PATH_CHARACTERS = 8192
# The largest whole number that JSON represents exactly; a sparse file can be larger.
_MAX_SIZE = (1 << 53) - 1
# The range of JavaScript's dates; code can give a file any time.
_MAX_TIME_MS = 8_640_000_000_000_000


class FileError(Exception):
    """Why a request cannot be done; `code` is one of those in FILES.md."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Stat(NamedTuple):
    path: str


class List(NamedTuple):
    path: str
    # How many levels of folders to list: 1 for the folder's own entries.
    depth: int
    # The most entries in the reply.
    limit: int


class Read(NamedTuple):
    path: str
    # From the end if negative.
    offset: int
    limit: int


class Write(NamedTuple):
    path: str
    overwrite: bool
    # How many bytes follow; None if the server does not know.
    size: Optional[int]


class Remove(NamedTuple):
    path: str
    recursive: bool


class Move(NamedTuple):
    path: str
    to: str
    overwrite: bool


class Space(NamedTuple):
    pass


FileRequest = Union[Stat, List, Read, Write, Remove, Move, Space]


def _path(fields: Fields, name: str = "path") -> str:
    return fields.text(name, _MAX_PATH_CHARACTERS)


def _write(fields: Fields) -> Write:
    path, overwrite = _path(fields), fields.boolean("overwrite")
    size = fields.take("size")
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _MAX_SIZE):
        raise InvalidMessage("header.size must be null or a whole number from 0 to %d" % _MAX_SIZE)
    return Write(path, overwrite, size)


_OPERATIONS: Dict[str, Callable[[Fields], FileRequest]] = {
    "stat": lambda fields: Stat(_path(fields)),
    "list": lambda fields: List(
        _path(fields), fields.integer("depth", 1, MAX_DEPTH), fields.integer("limit", 0, MAX_ENTRIES)
    ),
    "read": lambda fields: Read(
        _path(fields), fields.integer("offset", -_MAX_SIZE, _MAX_SIZE), fields.integer("limit", 0, _MAX_SIZE)
    ),
    "write": _write,
    "remove": lambda fields: Remove(_path(fields), fields.boolean("recursive")),
    "move": lambda fields: Move(_path(fields), _path(fields, "to"), fields.boolean("overwrite")),
    "space": lambda fields: Space(),
}


def file_request(line: bytes) -> FileRequest:
    """Reads a header line. Raises FileError."""
    try:
        fields = Fields(parse_object(line, "The header"), "header")
        request = _OPERATIONS[fields.choice("op", tuple(_OPERATIONS))](fields)
        fields.end()
    except (InvalidMessage, ProtocolError) as error:
        raise FileError("invalid_argument", str(error)) from None
    return request


def size_of(count: int) -> int:
    """A number of bytes, cut to what JSON represents exactly."""
    return min(count, _MAX_SIZE)


def milliseconds(nanoseconds: int) -> int:
    """A time in milliseconds since the epoch, cut to the range of JavaScript's dates."""
    return max(-_MAX_TIME_MS, min(nanoseconds // 1_000_000, _MAX_TIME_MS))


def line_of(value: Dict[str, Any]) -> bytes:
    """A line of JSON in ASCII. Bytes of names that are not UTF-8 become lone surrogates (PEP 383)."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"


_CODES = {
    errno.ENOENT: "not_found",
    errno.EEXIST: "exists",
    errno.ENOTEMPTY: "not_empty",
    errno.EISDIR: "is_a_folder",
    errno.ENOTDIR: "not_a_folder",
    errno.ELOOP: "symbolic_link",
    errno.ENXIO: "special_file",
    errno.EACCES: "denied",
    errno.EPERM: "denied",
    # A lease on the file (fcntl's F_SETLEASE): its holder has it open.
    errno.EAGAIN: "in_use",
    errno.ETXTBSY: "in_use",
    errno.EBUSY: "in_use",
    errno.ENAMETOOLONG: "invalid_argument",
    errno.EINVAL: "invalid_argument",
    errno.ENOSPC: "workspace_full",
    errno.EDQUOT: "workspace_full",
    errno.EFBIG: "workspace_full",
    errno.EMFILE: "busy",
    errno.ENFILE: "busy",
    errno.ENOMEM: "busy",
}


def file_error(error: OSError, action: str) -> FileError:
    """The error for a failed system call; `action` is what failed, such as "read a.csv"."""
    code = _CODES.get(error.errno or 0, "internal")
    return FileError(code, "Cannot %s: %s" % (action, error.strerror or error))
