"""The effective confinement of this process, as the Linux kernel reports it. The server compares it with its policy."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Dict, List, Optional, Tuple

if TYPE_CHECKING:
    from agent.message_types import Attestation, Limits

_CGROUP = "/sys/fs/cgroup"
# cgroup v1 reports "no limit" as the greatest number of whole pages.
_UNLIMITED = 1 << 62


def attestation(dumpable: bool, descriptors_open: bool) -> "Attestation":
    """Reads the attestation. A field that cannot be read is None or an empty list.

    The caller has tested whether others can read this process's memory (`dumpable`) and open its descriptors (`descriptors_open`).
    """
    status = _status()
    points, writable = mounts(_read("/proc/self/mountinfo") or "")
    return {
        "uid": os.geteuid(),
        "gid": os.getegid(),
        # Real, effective, saved, file system.
        "user_ids": _ids(status.get("Uid")),
        "group_ids": _ids(status.get("Gid")),
        "groups": sorted(os.getgroups()),
        "capabilities": {
            name: status.get("Cap" + short)
            for name, short in (
                ("effective", "Eff"),
                ("permitted", "Prm"),
                ("inheritable", "Inh"),
                ("bounding", "Bnd"),
                ("ambient", "Amb"),
            )
        },
        "no_new_privs": status.get("NoNewPrivs") == "1",
        "seccomp": _integer(status.get("Seccomp")),
        "dumpable": dumpable,
        "descriptors_open": descriptors_open,
        "interfaces": _interfaces(),
        "root_read_only": points.get("/", False),
        "mounts": points,
        "writable_mounts": writable,
        "limits": _limits(),
    }


def mounts(mountinfo: str) -> Tuple[Dict[str, bool], List[str]]:
    """All mount points and whether each is read-only, and those that this process can write to."""
    options: Dict[str, List[str]] = {}
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        if len(fields) < 7:
            continue
        point = _unescape(fields[4])
        # A later mount on the same point hides the earlier one.
        options[point] = fields[5].split(",") + fields[-1].split(",")
    open_points = (
        point for point, flags in options.items() if "ro" not in flags and os.access(point, os.W_OK)
    )
    points = {point: "ro" in flags for point, flags in options.items()}
    return points, sorted(point for point in open_points if not _is_null(point))


def _is_null(point: str) -> bool:
    """Engines mask files of /proc by mounting /dev/null on them."""
    try:
        return os.stat(point).st_rdev == os.makedev(1, 3)
    except OSError:
        return False


def filesystem_of(path: str) -> str:
    """The type of the file system that holds a path, such as tmpfs; "" if it cannot be read."""
    path = os.path.realpath(path)
    best, kind = -1, ""
    for line in (_read("/proc/self/mountinfo") or "").splitlines():
        fields = line.split(" ")
        if len(fields) < 7 or "-" not in fields[6:-1]:
            continue
        point = _unescape(fields[4])
        inside = point == "/" or path == point or path.startswith(point + "/")
        if inside and len(point) >= best:
            best, kind = len(point), fields[fields.index("-", 6) + 1]
    return kind


def _unescape(point: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, character)
    return point


def _status() -> Dict[str, str]:
    pairs = (line.partition(":") for line in (_read("/proc/self/status") or "").splitlines())
    return {name: value.strip() for name, _, value in pairs}


def _ids(text: Optional[str]) -> List[int]:
    return [int(word) for word in (text or "").split()]


def _interfaces() -> List[str]:
    try:
        return sorted(os.listdir("/sys/class/net"))
    except OSError:
        lines = (_read("/proc/net/dev") or "").splitlines()[2:]
        return sorted(line.partition(":")[0].strip() for line in lines)


def _limits() -> "Limits":
    """Bytes and processes; cpu_quota in CPUs. None is "no limit", or "cannot be read"."""
    if os.path.exists(_CGROUP + "/cgroup.controllers"):
        quota = (_read(_CGROUP + "/cpu.max") or "max").split()
        pids = _limit("/pids.max")
        return {
            "memory_bytes": _limit("/memory.max"),
            "swap_bytes": _limit("/memory.swap.max"),
            "pids_max": pids,
            "user_processes": _user_processes(pids),
            "cpu_quota": _share(_integer(quota[0]), _integer(quota[-1])),
        }
    pids = _limit("/pids/pids.max")
    memory = _limit("/memory/memory.limit_in_bytes")
    both = _limit("/memory/memory.memsw.limit_in_bytes")
    return {
        "memory_bytes": memory,
        "swap_bytes": None if memory is None or both is None else both - memory,
        "pids_max": pids,
        "user_processes": _user_processes(pids),
        "cpu_quota": _share(_limit("/cpu/cpu.cfs_quota_us"), _limit("/cpu/cpu.cfs_period_us")),
    }


def _user_processes(pids: Optional[int]) -> Optional[int]:
    """RLIMIT_NPROC. If it replaces the container's limit, a child tests once whether the kernel enforces it; None if not."""
    try:
        import resource
    except ImportError:  # a part of the standard library that minimal images lack
        return None
    limit = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    if limit == resource.RLIM_INFINITY:
        return None
    if pids is not None:
        return limit
    return limit if _enforces_process_limit() else None


@functools.lru_cache(maxsize=None)
def _enforces_process_limit() -> bool:
    import resource

    try:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
                os.fork()
            except BlockingIOError:
                status = 0
            finally:
                os._exit(status)
        return os.waitpid(child, 0)[1] == 0
    except OSError:
        return False


def _limit(name: str) -> Optional[int]:
    value = _integer((_read(_CGROUP + name) or "").strip())
    return None if value is None or not 0 <= value < _UNLIMITED else value


def _share(quota: Optional[int], period: Optional[int]) -> Optional[float]:
    return quota / period if quota and period and quota > 0 else None


def _integer(text: Optional[str]) -> Optional[int]:
    try:
        return int(text or "")
    except ValueError:
        return None


def _read(path: str) -> Optional[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None
