"""Starts the packaged program: asks it for the permissions that its command needs, then becomes Deno with these and no others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from deno import find_deno_bin

HERE = Path(__file__).resolve().parent
ASK_DEADLINE_SECONDS = 60
"""The launcher waits this long for an answer, which usually takes a tenth of a second."""


def main() -> None:
    """The command ``omcp-python-sandbox``."""
    try:
        deno = os.fsdecode(find_deno_bin())
        permissions = _permissions(deno)
        # Python ignores it, and what it becomes would, too.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.execv(deno, [deno, *permissions, str(HERE / "program" / "omcp.mjs"), *sys.argv[1:]])
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"Cannot start Deno: {error}", file=sys.stderr)
        print(
            "Nothing was started. Install the package again; Deno needs Linux with glibc, or macOS.",
            file=sys.stderr,
        )
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _permissions(deno: str) -> list[str]:
    """Asks at most twice: the second time, the program may read the file of settings that the first answer names."""
    ask = json.loads((HERE / "launch.json").read_text(encoding="utf-8"))["ask"]
    again, arguments = _answer(deno, ask)
    return _answer(deno, arguments)[1] if again else arguments


def _answer(deno: str, flags: list[str]) -> tuple[bool, list[str]]:
    asked = subprocess.run(
        [deno, *flags, str(HERE / "program" / "permissions.mjs"), *sys.argv[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=ASK_DEADLINE_SECONDS,
        check=False,
    )
    if asked.returncode != 0:
        # A signal's number is negative.
        sys.exit(asked.returncode if asked.returncode > 0 else 128 - asked.returncode)
    answer = json.loads(asked.stdout)
    return answer["again"] is True, [str(argument) for argument in answer["arguments"]]
