"""Runs uv, which resolves requirements and downloads wheels. It builds nothing, and reads no configuration but ours."""
from __future__ import annotations

import os
import re
import subprocess
import time
from typing import Any, Dict, List, NamedTuple

from .facts import normalized

_FOLDER = "/tmp/uv"
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)")
# Characters of uv's message to report, from its end, where the cause is.
_MAX_TEXT = 6000
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s`'\")>]+")
# glibc 2.x → the newest platform that uv knows.
_GLIBC = (17, 28, *range(31, 41))


class Failed(Exception):
    """uv failed; `step` is `resolve` or `download`."""

    def __init__(self, step: str, text: str) -> None:
        super().__init__(text)
        self.step = step
        self.text = text


class Pin(NamedTuple):
    """One distribution of a resolution. `line` is uv's output for it, with its hashes."""

    name: str
    version: str
    line: str


class Uv:
    """Runs uv for one request."""

    def __init__(self, config: Dict[str, Any], target: Dict[str, Any]) -> None:
        self._config = config
        self._target = target
        self._deadline = time.monotonic() + float(config["seconds"])
        os.makedirs(_FOLDER, exist_ok=True)
        self._environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": _FOLDER,
            "UV_CACHE_DIR": _FOLDER + "/cache",
            "UV_NO_CONFIG": "1",
            "UV_NO_PROGRESS": "1",
            "UV_PYTHON_DOWNLOADS": "never",
            # Files in the cache and in the tree then take memory once.
            "UV_LINK_MODE": "hardlink",
            **config["environment"],
        }
        if config["certificates"]:
            self._environment["SSL_CERT_FILE"] = _write("certificates.pem", config["certificates"])

    def resolve(self) -> Dict[str, Pin]:
        """Chooses versions. A version of the image, or of an earlier call, is kept if it meets the requirements."""
        config, target = self._config, self._target
        installed: Dict[str, str] = config["installed"]
        preferred = [
            "%s==%s" % (name, installed.get(normalized(name), version)) for name, version, _ in target["installed"]
        ]
        known = {normalized(name) for name, _, _ in target["installed"]}
        preferred += ["%s==%s" % item for item in installed.items() if item[0] not in known]
        fixed = ["%s==%s" % (name, version) for name, version, kernel in target["installed"] if kernel]
        output = _write("resolved.txt", "\n".join(preferred))
        self._run(
            "resolve",
            "compile",
            _write("requirements.in", "\n".join(config["requirements"])),
            "--output-file",
            output,
            "--constraints",
            _write("constraints.txt", config["constraints"]),
            "--constraints",
            _write("kernel.txt", "\n".join(fixed)),
            "--generate-hashes",
            "--no-header",
            "--no-annotate",
        )
        with open(output, encoding="utf-8") as file:
            return _pins(file.read())

    def download(self, pins: List[Pin], tree: str) -> None:
        """Downloads the wheels, and unpacks them into a folder."""
        self._run(
            "download",
            "install",
            "--target",
            tree,
            "--no-deps",
            "--requirements",
            _write("wanted.txt", "\n".join(pin.line for pin in pins)),
        )

    def _run(self, step: str, command: str, *arguments: str) -> None:
        line = ["uv", "pip", command, *arguments, "--quiet", "--only-binary", ":all:", *self._platform()]
        try:
            ended = subprocess.run(
                line,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=max(1.0, self._deadline - time.monotonic()),
            )
        except subprocess.TimeoutExpired:
            raise Failed(step, "timed out") from None
        if ended.returncode != 0:
            text = ended.stderr.decode("utf-8", "replace")
            # A URL may contain a password, or a host name that should stay private.
            # The settings first, as they are: uv quotes an invalid one in full, and its password may have characters that end a URL.
            for setting in sorted(self._config["environment"].values(), key=len, reverse=True):
                if "/" in setting or "@" in setting:
                    text = text.replace(setting, "<URL>")
            raise Failed(step, _URL.sub("<URL>", text)[-_MAX_TEXT:] or "uv ended with %d" % ended.returncode)

    def _platform(self) -> List[str]:
        if self._config["target"] is None:
            return []
        libc = re.match(r"^glibc 2\.(\d+)$", self._target["libc"] or "")
        if libc is None:
            platform = "unknown-linux-musl"
        else:
            fitting = [minor for minor in _GLIBC if minor <= int(libc.group(1))]
            platform = "manylinux_2_%d" % (fitting[-1] if fitting else _GLIBC[0])
        version = ".".join(self._target["python"].split(".")[:2])
        return ["--python-version", version, "--python-platform", "%s-%s" % (self._target["machine"], platform)]


def _pins(text: str) -> Dict[str, Pin]:
    """Parses uv's requirements file: a pin a line, its hashes on continuation lines."""
    found: Dict[str, Pin] = {}
    for line in text.replace("\\\n", " ").splitlines():
        match = _PIN.match(line)
        if match is not None:
            name = normalized(match.group(1))
            found[name] = Pin(name, match.group(2), line)
    return found


def _write(name: str, text: str) -> str:
    path = "%s/%s" % (_FOLDER, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text + "\n")
    return path
