"""Gives the sandbox's user a name in an image whose /etc/passwd and /etc/group are links into /run, which is empty at first.

In other images it changes nothing.
"""

from __future__ import annotations

import os

from agent.process import log

# The content of the image's own files.
_BASE = "/opt/omcp"
_NAME = "sandbox"


def name_user() -> None:
    """Writes both files, with the user's line first: a lookup reads from the top."""
    name = os.environ.get("LOGNAME") or _NAME
    home = os.environ.get("HOME") or "/"
    uid, gid = os.getuid(), os.getgid()
    lines = {
        "passwd": "%s:x:%d:%d::%s:/bin/sh\n" % (name, uid, gid, home),
        "group": "%s:x:%d:\n" % (name, gid),
    }
    for file, line in lines.items():
        path = os.path.realpath("/etc/" + file)
        if not path.startswith("/run/") or os.path.exists(path):
            continue
        try:
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            with open(path, "x", encoding="ascii") as target:
                target.write(line + _base(file))
        except (OSError, UnicodeError) as error:
            log("Cannot name the sandbox's user in %s: %s" % (path, error))


def _base(file: str) -> str:
    try:
        with open(os.path.join(_BASE, file), encoding="ascii", errors="replace") as source:
            return source.read().replace("\ufffd", "?")
    except OSError:
        return ""
