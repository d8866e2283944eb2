"""Starts a zygote: a new Python, confined before its first instruction, whose code comes over its socket. Runs in the agent."""
from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from typing import Any, Dict, List, Tuple

from . import confine

PACKAGE = "omcp_kernel"
_MODULES = ("wire", "landlock", "confine", "tracebacks", "streams", "display", "figures", "shell", "kernel", "zygote")
_ZYGOTE_FD = 3
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "POLARS_MAX_THREADS")
# Arrow's allocator would start a thread when it is loaded, and no process with threads can be forked safely.
_NO_THREADS = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
_FOLDERS = {"HOME": "/tmp/home", "IPYTHONDIR": "/tmp/ipython", "MPLCONFIGDIR": "/tmp/matplotlib"}

# Reads `u32 length` and JSON {"modules", "config"}. Every module gets a copy of the builtins, which user code cannot patch.
_STUB = """
import ctypes
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
import builtins, json, os, sys
from importlib.machinery import ModuleSpec
def read(length):
    parts = []
    while length > 0:
        parts.append(os.read(3, min(length, 1 << 18)))
        if not parts[-1]:
            os._exit(0)
        length -= len(parts[-1])
    return b"".join(parts)
class Sources:
    def __init__(self, sources):
        self.sources = sources
    def find_spec(self, name, path=None, target=None):
        if name == "omcp_kernel" or name in self.sources:
            return ModuleSpec(name, self, is_package=name == "omcp_kernel")
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        name = module.__name__
        module.__dict__["__builtins__"] = dict(vars(builtins))
        exec(compile(self.get_source(name), name.replace(".", "/"), "exec", dont_inherit=True), module.__dict__)
    def get_source(self, name):
        return self.sources.get(name, "")
boot = json.loads(read(int.from_bytes(read(4), "big")))
sys.meta_path.insert(0, Sources(boot["modules"]))
from omcp_kernel import zygote
zygote.main(3, boot["config"])
"""


def sources() -> Dict[str, str]:
    """The modules that run in the zygote and its kernels, under the name of their package there."""
    loader: Any = globals()["__loader__"]
    here = __name__.rpartition(".")[0]
    found = {}
    for name in _MODULES:
        text = loader.get_source("%s.%s" % (here, name)) if not hasattr(loader, "path") else _read_beside(loader.path, name)
        if not text:
            raise LookupError("the agent was sent without the module %s.%s" % (here, name))
        found["%s.%s" % (PACKAGE, name)] = text
    return found


def _read_beside(path: str, name: str) -> str:
    with open(os.path.join(os.path.dirname(path), name + ".py"), encoding="utf-8") as file:
        return file.read()


def boot_message(preload: List[str], cpus: int) -> Dict[str, Any]:
    """What a zygote is sent first."""
    environment = {name: os.environ.get(name, str(cpus)) for name in _ONE_THREAD}
    # For programs that a cell starts; in the kernel our own backend is set.
    environment["MPLBACKEND"] = "agg"
    return {"modules": sources(), "config": {"preload": preload, "environment": environment}}


def start(own: socket.socket, other: socket.socket) -> int:
    """Forks a zygote that holds `other`; returns its pid. Raises OSError where no process can be made."""
    python = shutil.which("python3") or sys.executable
    environment = dict(os.environ)
    for name, folder in _FOLDERS.items():
        environment.setdefault(name, folder)
    environment.update({name: "1" for name in _ONE_THREAD})
    environment.update(_NO_THREADS)
    # -I: nothing from the working directory, a user's site-packages or PYTHON* variables, all of which a cell can write.
    arguments = [python, "-I", "-u", "-c", _STUB]
    pid = os.fork()
    if pid != 0:
        return pid
    status = 127
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.dup2(other.fileno(), _ZYGOTE_FD)
        os.set_inheritable(_ZYGOTE_FD, True)
        for number in range(1, signal.NSIG):
            if number not in (signal.SIGKILL, signal.SIGSTOP, 32, 33):
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        # PID 1 by name, and this process, which the zygote will be: a kernel is to leave both alone.
        confine.install_filter([1, os.getpid()])
        status = 126
        os.execve(python, arguments, environment)
    except BaseException as error:  # noqa: B036 - in a forked child nothing may go on
        os.write(2, ("omcp agent: the zygote could not start: %r\n" % error).encode("utf-8", "replace"))
    finally:
        os._exit(status)
    return 0


def read_status(status: int) -> Tuple[int | None, int | None]:
    """Signal and exit code of a wait status, one of them None."""
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status), None
    return None, os.WEXITSTATUS(status)
