"""Inspects a sandbox: its user, what it may write to, what it can see. Prints one JSON object."""
from __future__ import annotations

import errno
import json
import os
import resource
import stat
from typing import Callable, Dict, List

TMPFS = ("/workspace", "/tmp", "/run", "/dev/shm")


def outcome(action: Callable[[], object]) -> str:
    try:
        action()
        return "worked"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "?")
    except ValueError as error:  # setrlimit reports a refusal in this way.
        return str(error)


def touch(path: str) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


def write(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def writable_folders() -> List[str]:
    found = []
    for folder, children, _ in os.walk("/"):
        if folder in TMPFS or folder.startswith("/proc/") and folder[6:].split("/")[0].isdigit():
            children[:] = []
            continue
        name = os.path.join(folder, "omcp-probe")
        if outcome(lambda: touch(name)) == "worked":
            found.append(folder)
    return found


def writable_files() -> List[str]:
    """Regular files outside the tmpfs that open for writing. Those of processes' own folders in /proc are left out."""
    found = []
    for folder, children, files in os.walk("/"):
        if folder in TMPFS or folder.startswith("/proc/") and folder[6:].split("/")[0].isdigit():
            children[:] = []
            continue
        for name in files:
            path = os.path.join(folder, name)
            try:
                if stat.S_ISREG(os.lstat(path).st_mode):
                    os.close(os.open(path, os.O_WRONLY))
                    found.append(path)
            except OSError:
                pass
    return found


def setuid_files() -> List[str]:
    found = []
    for folder, children, files in os.walk("/"):
        if folder == "/proc":
            children[:] = []
            continue
        for name in files:
            path = os.path.join(folder, name)
            try:
                if os.lstat(path).st_mode & (stat.S_ISUID | stat.S_ISGID):
                    found.append(path)
            except OSError:
                pass
    return found


def fill(folder: str, piece: int) -> Dict[str, object]:
    """Writes until it cannot, then removes what it wrote."""
    path = os.path.join(folder, "fill")
    written = 0
    try:
        with open(path, "wb", buffering=0) as file:
            while written < 4 << 30:
                written += file.write(bytes(piece))
    except OSError as error:
        return {"bytes": written, "error": errno.errorcode.get(error.errno or 0, "?")}
    finally:
        os.unlink(path)
    return {"bytes": written, "error": None}


def fill_inodes(folder: str) -> Dict[str, object]:
    made = 0
    try:
        while made < 200_000:
            touch(os.path.join(folder, "i%d" % made))
            made += 1
    except OSError as error:
        return {"inodes": made, "error": errno.errorcode.get(error.errno or 0, "?")}
    finally:
        for index in range(made):
            os.unlink(os.path.join(folder, "i%d" % index))
    return {"inodes": made, "error": None}


def executable(folder: str) -> str:
    path = os.path.join(folder, "program")
    with open(path, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\nexit 0\n")
    os.chmod(path, 0o755)
    return outcome(lambda: os.waitpid(os.posix_spawn(path, [path], {}), 0))


def main() -> None:
    with open("/proc/self/status", encoding="ascii") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    fields = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")
    found = {
        "ids": [os.getresuid(), os.getresgid(), os.getgroups()],
        "status": {name: status[name] for name in fields},
        "writable_folders": writable_folders(),
        "writable_files": writable_files(),
        "setuid_files": setuid_files(),
        "denied": {
            "root": outcome(lambda: touch("/x")),
            "etc": outcome(lambda: touch("/etc/x")),
            "sysctl": outcome(lambda: os.open("/proc/sys/kernel/hostname", os.O_WRONLY)),
            "sysrq": outcome(lambda: os.open("/proc/sysrq-trigger", os.O_WRONLY)),
            "cgroup": outcome(lambda: os.open("/sys/fs/cgroup/memory/memory.limit_in_bytes", os.O_WRONLY)),
            "queue": outcome(lambda: touch("/dev/mqueue/x")),
            "device": outcome(lambda: os.mknod("/tmp/d", 0o666 | stat.S_IFCHR, os.makedev(1, 3))),
            "oom score": outcome(lambda: write("/proc/self/oom_score_adj", b"-1000")),
            "open files": outcome(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 19, 1 << 19))),
        },
        "fill": {folder: fill(folder, 1 << 20) for folder in TMPFS},
        "inodes": {folder: fill_inodes(folder) for folder in TMPFS},
        "executable": {folder: executable(folder) for folder in TMPFS},
        "hostname": os.uname().nodename,
        "environment": sorted(os.environ),
        "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
        "disks": [name for name in os.listdir("/dev") if stat.S_ISBLK(os.lstat("/dev/" + name).st_mode)],
    }
    print(json.dumps(found))


main()
