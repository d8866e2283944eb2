"""Writes the unpacked wheels as one compressed archive: chunks of `u32 length` and bytes, and a length of 0 at the end."""
from __future__ import annotations

import gzip
import os
import tarfile
from typing import IO, List, Tuple

_CHUNK = 1 << 18
# The fastest level: it halves the files, and is as fast as the channel.
_LEVEL = 1


class _Chunks:
    """The file that gzip writes to."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._waiting: List[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> int:
        self._waiting.append(bytes(data))
        self._size += len(data)
        if self._size >= _CHUNK:
            self.flush()
        return len(data)

    def flush(self) -> None:
        if self._size:
            self._out.write(self._size.to_bytes(4, "big") + b"".join(self._waiting))
            self._waiting, self._size = [], 0

    def end(self) -> None:
        self.flush()
        self._out.write(bytes(4))
        self._out.flush()


def measure(tree: str) -> Tuple[int, int]:
    """Bytes of all files, and how many files and folders there are."""
    size = files = 0
    try:
        # uv's lock, which is not a part of the packages.
        os.unlink(os.path.join(tree, ".lock"))
    except FileNotFoundError:
        pass
    for folder, _, names in os.walk(tree):
        files += 1 + len(names)
        size += sum(os.lstat(os.path.join(folder, name)).st_size for name in names)
    return size, files


def write(tree: str, out: IO[bytes]) -> None:
    """Writes a folder's content: plain files and folders, in the order of their names."""
    chunks = _Chunks(out)
    with gzip.GzipFile("", "wb", _LEVEL, chunks, mtime=0) as compressed:
        with tarfile.open(fileobj=compressed, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            for folder, folders, names in os.walk(tree):
                folders.sort()
                for name in sorted(names):
                    path = os.path.join(folder, name)
                    entry = archive.gettarinfo(path, os.path.relpath(path, tree))
                    # uv hard-links files from its cache; the archive has each as a plain file.
                    if entry.islnk():
                        entry.type = tarfile.REGTYPE
                        entry.size = os.lstat(path).st_size
                    entry.uid = entry.gid = 0
                    entry.uname = entry.gname = ""
                    if entry.isreg():
                        with open(path, "rb") as file:
                            archive.addfile(entry, file)
    chunks.end()
