"""The server's side of the channel, for the tests: it starts an agent, attaches, and speaks frames with deadlines."""

from __future__ import annotations

import json
import os
import select
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

GUEST = Path(__file__).resolve().parents[3] / "src" / "guest"
sys.path.insert(0, str(GUEST))

from agent.frames import (  # noqa: E402
    ACK,
    CREDIT,
    DATA,
    END,
    EVENT,
    HELLO,
    MAGIC,
    MORE,
    OPEN,
    PING,
    PONG,
    REQUEST,
    RESET,
    Frame,
    FrameParser,
    encode_frame,
    encode_message,
)

LOADER = (GUEST / "loader.py").read_text()
COMMAND = ["-I", "-S", "-u", "-c", LOADER]
DEADLINE = 20.0

__all__ = [
    "ACK",
    "COMMAND",
    "CREDIT",
    "DATA",
    "END",
    "EVENT",
    "HELLO",
    "LOADER",
    "MAGIC",
    "OPEN",
    "PING",
    "PONG",
    "REQUEST",
    "RESET",
    "Frame",
    "ServerSide",
    "boot_bytes",
    "encode_frame",
    "encode_message",
    "guest_modules",
]


def guest_modules(*packages: str) -> Dict[str, str]:
    modules = {}
    for package in packages or ("agent",):
        for path in sorted((GUEST / package).glob("*.py")):
            modules[package if path.stem == "__init__" else package + "." + path.stem] = path.read_text()
    return modules


def boot_bytes(config: Any, modules: Optional[Dict[str, str]] = None) -> bytes:
    body = json.dumps({"modules": guest_modules() if modules is None else modules, "config": config}).encode()
    return struct.pack(">I", len(body)) + body


class ServerSide:
    """An agent in a process of its own, and what the server would do with it."""

    def __init__(
        self, config: Any, command: Optional[List[str]] = None, modules: Optional[Dict[str, str]] = None
    ) -> None:
        self.process = subprocess.Popen(
            command or [sys.executable, *COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self.input = self.process.stdin.fileno()
        self.output = self.process.stdout.fileno()
        self.errors = self.process.stderr.fileno()
        for fd in (self.input, self.output, self.errors):
            os.set_blocking(fd, False)
        self.said = b""
        self.hello: Dict[str, Any] = {}
        self.events: List[Dict[str, Any]] = []
        self.seqs: List[int] = []
        self.frames: List[Frame] = []
        self.parser = FrameParser(from_server=False)
        self.acknowledges = True
        self._parts = b""
        self._unsent = b""
        self._nonce = b""
        self._noise = b""
        self._next_request = 1
        self.send(boot_bytes(config, modules))

    def __enter__(self) -> "ServerSide":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()

    def send(self, data: bytes) -> None:
        self._unsent += data
        deadline = time.monotonic() + DEADLINE
        while self._unsent:
            self.turn(deadline, read=False)

    def attach(self) -> None:
        """Attaches anew and waits for the hello."""
        self._nonce = os.urandom(16)
        self._noise = b""
        self.hello = {}
        self.parser.reset()
        self._parts = b""
        self.send(MAGIC + self._nonce)
        self.until(lambda: bool(self.hello))

    def request(self, method: str, params: Any = None) -> Dict[str, Any]:
        number = self._next_request
        self._next_request += 1
        body = json.dumps({"method": method, "params": params or {}}).encode()
        self.send(b"".join(encode_message(REQUEST, number, body)))
        found: List[Dict[str, Any]] = []

        def replied() -> bool:
            found[:] = [e for e in self.events if e["id"] == number and e["type"] == "reply"]
            return bool(found)

        self.until(replied)
        return found[0]

    def event(self, kind: str, state: str) -> Dict[str, Any]:
        found: List[Dict[str, Any]] = []

        def came() -> bool:
            found[:] = [e for e in self.events if e["type"] == kind and e.get("state") == state]
            return bool(found)

        self.until(came)
        return found[0]

    def take(self, kind: int, identifier: int = 0) -> Frame:
        """Waits for a frame of a type and id, and takes it out of those that have come."""
        found: List[Frame] = []

        def came() -> bool:
            found[:] = [f for f in self.frames if f.type == kind and (f.id == identifier or identifier < 0)]
            return bool(found)

        self.until(came)
        self.frames.remove(found[0])
        return found[0]

    def until(self, done: Callable[[], bool], seconds: float = DEADLINE) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            self.turn(deadline)

    def all_sent(self) -> bool:
        return not self._unsent

    def wait_exit(self, seconds: float = DEADLINE) -> int:
        """Reads on until the agent has exited."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise TimeoutError("the agent does not end: %r" % self.said)
            self._turn_or_end(deadline)
        self._turn_or_end(deadline)
        return self.process.returncode

    def _turn_or_end(self, deadline: float) -> None:
        try:
            self.turn(deadline, at_most=0.05)
        except EOFError:
            pass

    def turn(self, deadline: float, read: bool = True, at_most: float = 1.0) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(
                "nothing came in time; the agent said %r, sent %r" % (self.said[-2000:], self.events[-5:])
            )
        sources = [self.errors] + ([self.output] if read else [])
        ready, writable, _ = select.select(
            sources, [self.input] if self._unsent else [], [], min(left, at_most)
        )
        if writable:
            try:
                self._unsent = self._unsent[os.write(self.input, self._unsent[:65536]) :]
            except BrokenPipeError:
                self._unsent = b""
        if self.errors in ready:
            said = os.read(self.errors, 65536)
            self.said += said
            if not said:
                time.sleep(0.01)
        if self.output in ready:
            chunk = os.read(self.output, 1 << 20)
            if chunk:
                self._received(chunk)
            elif self.process.poll() is not None:
                raise EOFError("the agent ended: %r" % self.said[-2000:])

    def _received(self, chunk: bytes) -> None:
        if self._nonce:
            self._noise += chunk
            at = self._noise.find(self._nonce)
            if at < 0:
                return
            chunk = self._noise[at + 16 :]
            self._nonce = b""
        for frame in self.parser.feed(chunk):
            self._frame(frame)

    def _frame(self, frame: Frame) -> None:
        if frame.type not in (HELLO, EVENT):
            self.frames.append(frame)
            return
        self._parts += frame.payload
        if frame.flags & MORE:
            return
        body = json.loads(self._parts)
        self._parts = b""
        if frame.type == HELLO:
            self.hello = body
            return
        self.seqs.append(frame.seq)
        self.events.append({**body, "id": frame.id})
        if self.acknowledges:
            self._unsent += encode_frame(ACK, 0, b"", frame.seq)
