"""Looks for traces of the machine in everything readable. Reads {"masked": [path], "traces": {name: text}} from its argument."""
from __future__ import annotations

import json
import os
import sys
from typing import Dict, Iterator, List

ASKED = json.loads(sys.argv[1])
# Each process has its own: the engine cannot mask it.
OWN = ("/proc/self", "/proc/thread-self")
LARGEST = 1 << 18


def read(path: str) -> bytes:
    """The readable content of a file, without blocking, as /proc/kmsg would."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        data = b""
        while len(data) < LARGEST:
            part = os.read(file, LARGEST)
            if not part:
                break
            data += part
        return data
    except OSError:
        return b""
    finally:
        os.close(file)


def open_masks() -> Dict[str, int]:
    """Paths that must be masked, and how many bytes they contain."""
    found = {}
    for path in ASKED["masked"]:
        size = len(os.listdir(path)) if os.path.isdir(path) else len(read(path))
        if size:
            found[path] = size
    return found


def files() -> Iterator[str]:
    for top in ("/proc", "/sys", "/etc", "/dev", "/run", "/tmp", "/var", "/workspace"):
        for folder, children, names in os.walk(top):
            children[:] = [
                name for name in children if os.path.join(folder, name) not in OWN and not (folder == "/proc" and name.isdigit())
            ]
            for name in names:
                path = os.path.join(folder, name)
                if not os.path.islink(path) and (os.path.isfile(path)):
                    yield path


def traces() -> Dict[str, List[str]]:
    """Where each text can be read."""
    found: Dict[str, List[str]] = {name: [] for name in ASKED["traces"]}
    texts = {name: text.encode() for name, text in ASKED["traces"].items()}
    for path in files():
        data = read(path)
        for name, text in texts.items():
            if text in data:
                found[name].append(path)
    return {name: paths for name, paths in found.items() if paths}


def main() -> None:
    print(json.dumps({"open": open_masks(), "traces": traces()}))


main()
