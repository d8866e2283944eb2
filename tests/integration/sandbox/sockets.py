"""Tries a socket of every family, and ways to reach a network. Prints {what: errno name, or the result}."""
from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
from typing import Callable, Dict, List

LIBC = ctypes.CDLL(None, use_errno=True)


def outcome(action: Callable[[], object]) -> str:
    try:
        return "worked: %r" % (action(),)
    except socket.gaierror as error:
        return "gaierror %d" % error.errno if error.errno is not None else "gaierror"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "?")


def raw_socket(family: int, kind: int) -> int:
    descriptor = LIBC.socket(ctypes.c_long(family), ctypes.c_long(kind), 0)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "socket")
    return descriptor


def interfaces() -> List[str]:
    try:
        return os.listdir("/sys/class/net")
    except FileNotFoundError:  # gVisor
        with open("/proc/net/dev", encoding="ascii") as file:
            return [line.partition(":")[0].strip() for line in file.readlines()[2:]]


def main() -> None:
    found: Dict[str, Dict[str, str]] = {"families": {}, "reach": {}}
    for family in [*range(0, 50), 255, 1 << 32, (1 << 32) + 2]:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
            if family != socket.AF_UNIX:
                found["families"]["%d/%d" % (family, kind)] = outcome(lambda: raw_socket(family, kind))
    found["reach"] = {
        "connect": outcome(lambda: socket.create_connection(("127.0.0.1", 80), 1)),
        "metadata": outcome(lambda: socket.create_connection(("169.254.169.254", 80), 1)),
        "name": outcome(lambda: socket.getaddrinfo("example.org", 443)),
        "socketpair": outcome(lambda: bool(socket.socketpair())),
        "engine": outcome(lambda: socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock")),
        "interfaces": ",".join(sorted(interfaces())),
    }
    print(json.dumps(found))


main()
