"""Turns a process that was just forked from the zygote into a kernel."""
from __future__ import annotations

import builtins
import os
import random
import resource
import signal
import sys
from typing import Dict, NoReturn, Optional

from . import confine, descriptors, kernel, protected_modules, shell as shells, wire

# Python ignores these signals by default.
_PYTHON_IGNORES = (signal.SIGPIPE, signal.SIGXFSZ)
# User code may patch it.
_exit = os._exit
# Where install_package puts packages. Python's library goes before it, the image's packages after it: a newer version wins.
PACKAGES = "/workspace/.packages"
# Where the agent puts the package `omcp`.
OWN_PACKAGES = "/run/omcp/python"
_SITES = ("site-packages", "dist-packages")


def _no_input(prompt: object = "", /) -> str:
    if prompt != "":
        print(prompt, end="", flush=True)
    raise EOFError("a sandbox has no standard input: put the value into the code")


def _take_signals() -> None:
    """Restores the default actions, which the zygote replaced. SIGINT gets its handler before the first cell."""
    for number in range(1, signal.NSIG):
        if number not in (*_PYTHON_IGNORES, signal.SIGINT, signal.SIGKILL, signal.SIGSTOP, 32, 33):
            signal.signal(number, signal.SIG_DFL)


def _see_packages() -> None:
    at = next((i for i, path in enumerate(sys.path) if path.endswith(_SITES)), len(sys.path))
    sys.path[at:at] = [OWN_PACKAGES, PACKAGES]


def run(shell: shells.Shell, fd: int, environment: Dict[str, Optional[str]]) -> NoReturn:
    """Turns this freshly forked process into a kernel. Never returns."""
    code = kernel.EXIT_BROKEN
    try:
        os.setsid()
        connection = wire.Connection(descriptors.settle(fd))
        confine.set_dumpable(True)
        confine.set_oom_score(1000)
        _take_signals()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        landlock_abi = confine.restrict_files()
        shells.user_environment(environment)
        # Every kernel is a copy of the same process: each needs random numbers of its own.
        random.seed()
        if "numpy.random" in sys.modules:
            sys.modules["numpy.random"].seed()
        _see_packages()
        protected_modules.protect()
        sys.path.insert(0, "")
        sys.argv = [""]
        builtins.input = _no_input
        sys.breakpointhook = shells.no_debugger
        # If a module is written twice within a second, Python would run the bytecode of the first version.
        sys.dont_write_bytecode = True
        served = kernel.Kernel(shell, connection)
        connection.send(
            {
                "type": "ready",
                "pid": os.getpid(),
                "reaper": os.getppid(),
                "fd": connection.fd,
                "confinement": confine.facts(landlock_abi),
            }
        )
        served.serve()
    except EOFError:
        code = 0
    except OSError:
        code = kernel.EXIT_BROKEN
    except BaseException:  # noqa: B036 - the exit code reports it; there is nobody to print to
        code = kernel.EXIT_UNUSABLE
    finally:
        _exit(code)
