"""Resolves requirements and downloads their wheels. Of our containers, only this one has a network. It runs no code of a package.

It is PID 1 of a container of its own; the loader starts it in the agent's place. Its answer on stdout is lines of JSON, first the
`attestation`. After a `plan` with `bytes` above 0 comes the archive, in chunks (see archive.py). It ends when its stdin ends, and at its
deadline.
"""
from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import Any, Dict, NoReturn

from agent.attestation import attestation
from agent.process import make_undumpable

from . import archive, facts, uv

_TREE = "/tmp/tree"


def say(kind: str, value: Any) -> None:
    """Writes one line of the answer."""
    sys.stdout.write(json.dumps({kind: value}) + "\n")
    sys.stdout.flush()


def main(config: Dict[str, Any]) -> NoReturn:
    """Answers one request of the server, and exits."""
    # It needs a handler: Linux does not deliver a signal to PID 1 without one.
    signal.signal(signal.SIGALRM, lambda *_: os._exit(75))
    signal.alarm(int(config["seconds"]))
    threading.Thread(target=_end_with_server, daemon=True).start()
    say("attestation", attestation(make_undumpable(), descriptors_open=False))
    try:
        _answer(config)
    except uv.Failed as error:
        say("failed", {"step": error.step, "text": error.text})
    except OSError as error:
        say("failed", {"step": "download", "text": str(error)})
    sys.stdout.flush()
    os._exit(0)


def _answer(config: Dict[str, Any]) -> None:
    if config["mode"] == "facts":
        say("facts", facts.own())
        return
    target = config["target"] or facts.own()
    program = uv.Uv(config, target)
    say("progress", "resolving")
    pins = program.resolve()
    present: Dict[str, str] = {facts.normalized(name): version for name, version, _ in target["installed"]}
    had: Dict[str, str] = config["installed"]
    packages = [
        {
            "name": name,
            "version": pin.version,
            # The version that it replaces (of an earlier call) or hides (of the image).
            "instead_of": had.get(name, present.get(name)),
            "fetched": pin.version not in (had.get(name), None if name in had else present.get(name)),
        }
        for name, pin in pins.items()
    ]
    wanted = [str(package["name"]) for package in packages if package["fetched"]]
    if wanted:
        say("progress", "downloading %d %s" % (len(wanted), "package" if len(wanted) == 1 else "packages"))
        program.download([pins[name] for name in wanted], _TREE)
    size, files = archive.measure(_TREE) if wanted else (0, 0)
    say("plan", {"packages": packages, "bytes": size, "files": files})
    if wanted:
        archive.write(_TREE, sys.stdout.buffer)


def _end_with_server() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)
