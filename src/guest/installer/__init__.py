"""Unpacks wheels that the server sends into /workspace/.packages, without a network.

A short-lived child of the agent, confined like a kernel: it can do no more than the sandbox's own code, which may disturb it. It reads a
line of JSON and a compressed archive from its stdin, and writes lines of JSON to its stdout. It is one file, because the agent passes its
source as an argument.
"""
from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import stat
import sys
import tarfile
import tempfile
import zlib
from typing import Any, Dict, Iterator, List, Set

FOLDER = "/workspace/.packages"
_WORKSPACE = os.path.dirname(FOLDER)
_MAX_HEADER = 1 << 20
# Bytes that a file or folder takes in a tmpfs besides its content.
_INODE_BYTES = 4096
_SCRIPTS = "bin"
_STAGING = ".packages-"
_METADATA = ".dist-info"
_MODULES = (".py", ".pyc", ".so")
_MAX_RECORD = 64 << 20
# Most distributions in the report: a cell can make any number of folders that look like one.
_MAX_PRESENT = 2000


class Refused(Exception):
    """Why nothing was installed, with a code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def say(kind: str, value: Any) -> None:
    os.write(1, (json.dumps({kind: value}) + "\n").encode("ascii"))


def main() -> None:
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
            score.write("1000")
    except OSError:
        pass
    try:
        clear()
        present = [[name, version] for name, version, _ in distributions(FOLDER) if len(name) + len(version) < 200]
        say("present", present[:_MAX_PRESENT])
        source = os.fdopen(0, "rb")
        line = source.readline(_MAX_HEADER)
        if not line.endswith(b"\n"):
            # The server has nothing to install.
            return
        say("installed", install(json.loads(line), source))
    except Refused as error:
        say("refused", {"code": error.code, "message": str(error)})
    except (tarfile.TarError, EOFError, zlib.error) as error:
        say("refused", {"code": "broken_archive", "message": str(error)[:500]})
    except OSError as error:
        # ENOSPC, EDQUOT
        full = error.errno in (28, 122)
        say("refused", {"code": "workspace_full" if full else "failed", "message": str(error)[:500]})
    # Exiting before the server ends the stream would break the connection, and could lose the answer.
    drain()


def drain() -> None:
    """Reads and drops what the server still sends, until it ends the stream."""
    while os.read(0, 1 << 16):
        pass


def clear() -> None:
    """Removes what interrupted installers left behind."""
    for name in os.listdir(_WORKSPACE):
        if name.startswith(_STAGING):
            shutil.rmtree(os.path.join(_WORKSPACE, name), ignore_errors=True)


def install(header: Dict[str, Any], source: Any) -> Dict[str, Any]:
    """Unpacks the archive beside the folder, which it does not change until it moves everything into place."""
    need = int(header["bytes"]) + int(header["files"]) * _INODE_BYTES
    space = os.statvfs(_WORKSPACE)
    free = space.f_bavail * space.f_frsize
    if free < need or (space.f_files and space.f_favail < int(header["files"])):
        raise Refused("workspace_full", "%d bytes and %d files are needed, %d and %d are free" % (need, header["files"], free, space.f_favail))
    # What the sandbox's memory had for files when the agent started this process; empty if that is unknown.
    room = os.environ.get("SANDBOX_MEMORY_ROOM", "")
    if room and int(room) < need:
        raise Refused("workspace_full", "%d bytes are needed, and the sandbox's memory has %s left for files" % (need, room))
    staging = tempfile.mkdtemp(prefix=_STAGING, dir=_WORKSPACE)
    try:
        skipped = unpack(source, staging)
        use_this_python(os.path.join(staging, _SCRIPTS))
        try:
            os.mkdir(FOLDER, 0o755)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(FOLDER).st_mode):
                raise Refused("failed", "%s is not a folder" % FOLDER) from None
        try:
            for name in header["replace"]:
                remove(FOLDER, name)
            merge(staging, FOLDER)
        except OSError as error:
            raise Refused("in_part", str(error)[:500]) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return {"skipped": sorted(skipped)[:100]}


def unpack(source: Any, folder: str) -> Set[str]:
    """Unpacks plain files, only into the folder. Returns the modules that it leaves out because Python's library has the same names."""
    own = frozenset(getattr(sys, "stdlib_module_names", ()))
    skipped: Set[str] = set()
    with tarfile.open(fileobj=source, mode="r|gz") as archive:
        for entry in archive:
            parts = entry.name.split("/")
            if entry.name.startswith("/") or any(part in ("", ".", "..") for part in parts) or "\0" in entry.name:
                raise Refused("broken_archive", "the archive has a file outside of its folder")
            if not entry.isreg():
                raise Refused("broken_archive", "the archive has an entry that is not a plain file")
            # Programs that a cell starts search this folder before the library, so that json.py or json.abi3.so would replace json.
            top = parts[0].partition(".")[0] if len(parts) == 1 and parts[0].endswith(_MODULES) else parts[0]
            if top in own:
                skipped.add(top)
                continue
            path = os.path.join(folder, *parts)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            content = archive.extractfile(entry)
            assert content is not None
            mode = 0o755 if entry.mode & stat.S_IXUSR else 0o644
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode), "wb") as file:
                shutil.copyfileobj(content, file, 1 << 20)
    while source.read(1 << 16):
        # Read to the end: the sender waits until all is read.
        pass
    return skipped


def use_this_python(scripts: str) -> None:
    """Makes installed commands run with this sandbox's Python; the resolver's may have another path."""
    python = shutil.which("python3") or sys.executable
    for name in os.listdir(scripts) if os.path.isdir(scripts) else ():
        path = os.path.join(scripts, name)
        if not stat.S_ISREG(os.lstat(path).st_mode):
            continue
        # Code in a cell may have replaced it: O_NONBLOCK so that a FIFO does not block, O_NOFOLLOW so that a link does not lead elsewhere.
        with open(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK), "r+b") as file:
            first = file.readline(4096)
            # For a long path, uv writes a shell script that names Python on the second line.
            if first.startswith(b"#!") and b"python" in first:
                rest = file.read()
                file.seek(0)
                file.write(b"#!%s\n" % os.fsencode(python) + rest)
                file.truncate()
            os.fchmod(file.fileno(), 0o755)


def distributions(folder: str) -> Iterator[List[str]]:
    """Name, version and metadata folder of each installed distribution, from the names of the metadata folders."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for entry in names:
        name, _, version = entry[: -len(_METADATA)].rpartition("-")
        if entry.endswith(_METADATA) and name:
            yield [normalized(name), version, os.path.join(folder, entry)]


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def remove(folder: str, wanted: str) -> None:
    """Removes a distribution: the files in the folder that its RECORD lists, and folders that this leaves empty."""
    for name, _, metadata in list(distributions(folder)):
        if name != wanted:
            continue
        folders: Set[str] = set()
        for path in recorded(metadata):
            parts = path.split("/")
            if path.startswith("/") or any(part in ("", ".", "..") for part in parts):
                continue
            try:
                os.unlink(os.path.join(folder, *parts))
            except OSError:
                continue
            folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
        for each in sorted(folders, reverse=True):
            shutil.rmtree(os.path.join(folder, each, "__pycache__"), ignore_errors=True)
            try:
                os.rmdir(os.path.join(folder, each))
            except OSError:
                continue
        shutil.rmtree(metadata, ignore_errors=True)


def recorded(metadata: str) -> List[str]:
    try:
        with open(os.open(os.path.join(metadata, "RECORD"), os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            text = file.read(_MAX_RECORD).decode("utf-8", "replace")
    except OSError:
        return []
    return [row[0] for row in csv.reader(io.StringIO(text)) if row]


def merge(source: str, target: str) -> None:
    """Moves everything from one folder into another. Folders that both have are merged, because packages may share one."""
    for entry in list(os.scandir(source)):
        path = os.path.join(target, entry.name)
        folder = os.path.isdir(path) and not os.path.islink(path)
        if entry.is_dir(follow_symlinks=False):
            if folder:
                merge(entry.path, path)
                continue
            if os.path.lexists(path):
                os.unlink(path)
        elif folder:
            shutil.rmtree(path)
        os.replace(entry.path, path)


if __name__ == "__main__":
    main()
