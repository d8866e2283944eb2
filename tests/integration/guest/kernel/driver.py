"""Replaces the agent in tests: as PID 1 it runs the supervisor on asyncio, and speaks JSON lines on stdin and stdout."""
from __future__ import annotations

import asyncio
import ctypes
import hashlib
import json
import os
import signal
import sys
from typing import Any, Dict


def main(config: Dict[str, Any]) -> None:
    libc = ctypes.CDLL(None)
    libc.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
    libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER, for runs outside a container
    loop = asyncio.new_event_loop()
    from agent.contract import REQUESTS, boot_config
    from agent.fields import InvalidMessage
    from kernel_manager.supervisor import KernelSupervisor

    kernel_config = boot_config(config).kernel
    assert kernel_config is not None

    out = os.dup(1)
    os.set_inheritable(out, False)
    held = {"hold": False}
    signals = []

    def emit(request_id: int, event: Dict[str, Any]) -> None:
        data = memoryview((json.dumps({"id": request_id, "event": event}) + "\n").encode())
        while data:
            data = data[os.write(out, data) :]

    supervisor = KernelSupervisor(loop, kernel_config, emit, lambda: not held["hold"])

    def reap() -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            supervisor.on_child_exit(pid, status)

    buffer = bytearray()

    def read() -> None:
        data = os.read(0, 1 << 16)
        if not data:
            supervisor.stop()
            os._exit(0)
        buffer.extend(data)
        while True:
            line, found, rest = bytes(buffer).partition(b"\n")
            if not found:
                return
            buffer[:] = rest
            request = json.loads(line)
            method = request["method"]
            if method == "hold":
                held["hold"] = request["params"]["hold"]
                if not held["hold"]:
                    supervisor.resume_output()
                emit(request["id"], {"type": "reply", "result": {}})
            elif method == "saved":
                # What the file service reads.
                saved = {}
                for path, size in supervisor.outputs.list():
                    fd, _ = supervisor.outputs.open(path) or (-1, 0)
                    text = os.read(fd, size + 1)
                    os.close(fd)
                    saved[path] = {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest(), "text": text[:100].decode()}
                emit(request["id"], {"type": "reply", "result": {"saved": saved}})
            elif method == "processes":
                names = {}
                for pid in filter(str.isdigit, os.listdir("/proc")):
                    try:
                        with open("/proc/%s/stat" % pid) as file:
                            names[pid] = file.read()[:60]
                    except OSError:
                        pass
                emit(request["id"], {"type": "reply", "result": {"processes": names, "fds": len(os.listdir("/proc/self/fd")), "signals": signals}})
            else:
                try:
                    params = REQUESTS[method](request["params"])
                except InvalidMessage as error:
                    refusal = {"code": "invalid_argument", "message": str(error)}
                    emit(request["id"], {"type": "reply", "error": refusal})
                else:
                    getattr(supervisor, method)(request["id"], params)

    loop.add_signal_handler(signal.SIGCHLD, reap)
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGIO, signal.SIGURG, signal.SIGRTMIN + 5):
        loop.add_signal_handler(number, signals.append, int(number))
    loop.add_reader(0, read)
    supervisor.start()
    loop.run_forever()
    sys.exit(0)
