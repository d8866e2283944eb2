"""Facts of this image that wheels must fit: its Python, platform and distributions."""
from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from typing import Any, Dict, List, Set, Tuple

_SECONDS = 60
# A kernel is an IPython shell. It has imported IPython's dependencies before any cell runs, so their versions cannot be replaced.
_KERNEL = "ipython"
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")
# uv reads names and versions from lines of files. An image's metadata can be broken, so everything else is left out.
_WHOLE_NAME = re.compile(r"^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\Z")
_WHOLE_VERSION = re.compile(r"^[A-Za-z0-9][A-Za-z0-9.!+_-]*\Z")
_MAX_DISTRIBUTIONS = 5000


def own() -> Dict[str, Any]:
    """Facts of the image that this container was made from."""
    python = shutil.which("python3") or sys.executable
    code = "%s\nimport json\nprint(json.dumps(look()))\n" % __loader__.get_source(__name__)  # type: ignore[name-defined]
    found = subprocess.run(
        [python, "-I", "-c", code], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=_SECONDS, check=True
    )
    facts: Dict[str, Any] = json.loads(found.stdout)
    return facts


def look() -> Dict[str, Any]:
    """Facts of the Python that runs this."""
    versions: Dict[str, Tuple[str, str]] = {}
    requires: Dict[str, List[str]] = {}
    for distribution in importlib.metadata.distributions():
        name, version = distribution.metadata["Name"] or "", distribution.version or ""
        key = normalized(name)
        usable = _WHOLE_NAME.match(name) and _WHOLE_VERSION.match(version) and len(name) <= 200 and len(version) <= 200
        # Python imports the first on sys.path.
        if usable and key not in versions and len(versions) < _MAX_DISTRIBUTIONS:
            versions[key] = (name, version)
            requires[key] = [_required(line) for line in distribution.requires or [] if "extra ==" not in line]
    kernel = _closure(requires)
    libc = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else None
    return {
        "implementation": sys.implementation.name,
        "python": "%d.%d.%d" % sys.version_info[:3],
        "machine": sysconfig.get_platform().rpartition("-")[2],
        # "glibc 2.41"; None for musl.
        "libc": libc,
        "installed": [[name, version, key in kernel] for key, (name, version) in sorted(versions.items())],
    }


def normalized(name: str) -> str:
    """A distribution's name as PEP 503 normalizes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _required(line: str) -> str:
    found = _NAME.match(line)
    return normalized(found.group()) if found else ""


def _closure(requires: Dict[str, List[str]]) -> Set[str]:
    found: Set[str] = set()
    waiting = [_KERNEL]
    while waiting:
        name = waiting.pop()
        if name in requires and name not in found:
            found.add(name)
            waiting += requires[name]
    return found
