"""The zygote: a confined, single-threaded process with the heavy imports loaded, from which kernels are forked.

It imports in steps, and can fork between any two of them: a kernel that is needed early has what is loaded so far, and imports the rest
when a cell does. It runs no user code. Fork orders arrive over a Unix socket, each with the socket of the new kernel.
"""
from __future__ import annotations

import gc
import importlib
import importlib.util
import os
import select
import sys
from typing import Any, Dict, FrozenSet, Iterable, List, Optional

from . import confine, wire

_FONT_CACHE = "/opt/omcp/matplotlib"
# Where install_package puts packages; see start.py, which is not imported before IPython is found.
_PACKAGES = "/workspace/.packages"
_PROBE_FAILED = 3
_WARM_UP = ("1", "import sys\ndel sys", "1/0", "x +", "%time pass")


class Unavailable(Exception):
    """No kernel can be made in this image."""


class Replaced(Exception):
    """A package that was installed since has a module that is imported already."""


class Threads(Exception):
    """A module that started a thread when it was imported."""


def thread_count() -> int:
    return len(os.listdir("/proc/self/task"))


def main(fd: int, config: Dict[str, Any]) -> None:
    """Serves fork orders until the agent closes the socket. `config`: preload, and environment (for kernels)."""
    connection = wire.Connection(fd)
    os.set_inheritable(fd, False)
    if importlib.util.find_spec("IPython") is None:
        # Reported before the confinement: a sandbox that can never run a cell must not be handed out.
        connection.send({"type": "unavailable", "message": "The image has no usable IPython: its python3 finds none"})
        return
    _probe(connection)
    _prepare_folders()
    try:
        _run(connection, config)
    except Unavailable as error:
        connection.send({"type": "unavailable", "message": str(error)})
    except Threads as error:
        sys.stderr.write("omcp agent: the kernel is not preloaded with %s, which starts a thread\n" % error)
        connection.send({"type": "threads", "module": str(error)})
    except Replaced:
        # A fork would have the image's modules, imported already: the next zygote imports nothing ahead.
        connection.send({"type": "replaced"})
    except (EOFError, OSError):
        # The agent has closed the socket.
        pass


def _run(connection: wire.Connection, config: Dict[str, Any]) -> None:
    """Reports `ready` when it can fork, then `loaded` when everything is imported."""
    orders = _load_shell(connection, config)
    connection.send({"type": "ready", "python": sys.version.split()[0]})
    while orders.wait:
        orders.serve()
    missing: List[str] = []
    for name in config.get("preload") or []:
        orders.serve_waiting()
        try:
            importlib.import_module(name)
            _warm_up_module(orders.shell, name)
        except Exception as error:
            missing.append("%s: %s" % (name, type(error).__name__))
        _refuse_threads(name)
    _forget_error()
    if missing:
        connection.send({"type": "missing", "modules": missing})
    # Each cell begins with this, which imports modules the first time.
    importlib.invalidate_caches()
    gc.collect()
    connection.send({"type": "loaded"})
    while True:
        orders.serve()


class Orders:
    """Serves the agent's fork orders. `own`: the modules that the shell needs itself, which no package can replace."""

    def __init__(self, connection: wire.Connection, shell: Any, own: FrozenSet[str], config: Dict[str, Any]) -> None:
        self.shell = shell
        self._connection = connection
        self._own = own
        # Without a preload there is no imported module that a package replaces: each zygote would end like the one before.
        self._has_preload = bool(config.get("preload"))
        # Whether the agent has yet to say that the modules are to be imported.
        self.wait = bool(config.get("waits"))
        self._environment: Dict[str, Optional[str]] = dict(config.get("environment") or {})

    def serve_waiting(self) -> None:
        """Serves the orders that have arrived, if any."""
        while select.select([self._connection.fd], (), (), 0)[0]:
            self.serve()

    def serve(self) -> None:
        """Waits for an order and serves it. Raises EOFError or OSError when the agent has closed the socket, or Replaced."""
        order, fds = self._connection.receive()
        if order.get("type") == "preload":
            self.wait = False
            return
        if self._has_preload and _replaced(_packages_in(sys.modules) - self._own):
            raise Replaced
        if order.get("type") == "fork" and len(fds) == 2:
            failure = _fork(self.shell, self._connection, fds, self._environment)
            if failure is not None:
                self._connection.send({"type": "fork_failed", "number": order["number"], "message": failure})
        for received in fds:
            os.close(received)


def _packages_in(modules: Iterable[str]) -> FrozenSet[str]:
    return frozenset(name.partition(".")[0] for name in modules)


def _probe(connection: wire.Connection) -> None:
    """Reports the confinement of future kernels before the slow imports: a short-lived child applies it and reads it back."""
    child = os.fork()
    if child == 0:
        status = _PROBE_FAILED
        try:
            # As the subreaper of each kernel does.
            confine.guard(os.getpid())
            connection.send({"type": "confinement", "confinement": confine.facts(confine.restrict_files())})
            status = 0
        finally:
            os._exit(status)
    if os.waitpid(child, 0)[1] != 0:
        raise Unavailable("Cannot confine a kernel")


def _prepare_folders() -> None:
    # Not before the confinement is reported: its import takes 5 ms.
    import shutil

    for name in ("HOME", "IPYTHONDIR", "MPLCONFIGDIR"):
        folder = os.environ.get(name)
        if not folder:
            continue
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            if name == "MPLCONFIGDIR" and os.path.isdir(_FONT_CACHE):
                shutil.copytree(_FONT_CACHE, folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
        except (OSError, shutil.Error):
            continue


def _load_shell(connection: wire.Connection, config: Dict[str, Any]) -> Orders:
    """Imports IPython and makes the shell: from then on it can fork."""
    try:
        from . import after_import, shell as shells, start, subreaper  # noqa: F401 - a fork must find all loaded
    except ImportError as error:
        raise Unavailable("The image has no usable IPython: %s" % error) from error
    _refuse_threads("IPython")
    own = _packages_in(sys.modules)
    after_import.watch()
    shell = shells.make_shell()
    _warm_up(shell)
    _refuse_threads("the warm-up")
    return Orders(connection, shell, own, config)


def _refuse_threads(name: str) -> None:
    """A fork of a process with threads may hang: a module that starts one is reported, and the next zygote does not import it."""
    if thread_count() != 1:
        raise Threads(name)


def _warm_up(shell: Any) -> None:
    """Does slow first-time work once, for which every kernel's first cell would wait. It sends nothing and leaves no name behind."""
    for code in _WARM_UP:
        shell.run_cell(code, store_history=False, silent=True)
    _forget_error()


def _warm_up_module(shell: Any, name: str) -> None:
    """Does the slow first-time work of a module that was imported ahead."""
    if name == "matplotlib.pyplot":
        from . import figures

        sys.modules[name].plot([0, 1])
        figures.figures.show_all()
    elif name == "pandas":
        shell.display_formatter.format(sys.modules[name].DataFrame({"a": [1]}))


def _forget_error() -> None:
    for name in ("last_exc", "last_type", "last_value", "last_traceback"):
        if hasattr(sys, name):
            delattr(sys, name)


def _replaced(ahead: FrozenSet[str]) -> bool:
    """Whether an installed package replaces one of the modules imported ahead. Looks at names only, because a cell can write there."""
    try:
        names = os.listdir(_PACKAGES)
    except OSError:
        return False
    return any(name.partition(".")[0] in ahead for name in names)


def _fork(shell: Any, connection: wire.Connection, fds: List[int], environment: Dict[str, Optional[str]]) -> Optional[str]:
    """Forks a subreaper, which forks the kernel. Returns why it cannot. `fds`: the kernel's socket, and the subreaper's pipe."""
    from . import start, subreaper

    _reap()
    if thread_count() != 1:
        return "the zygote has threads"
    # A collection writes to every object that it looks at, and so would copy what zygote and kernel share.
    gc.freeze()
    try:
        child = os.fork()
    except OSError as error:
        return str(error)
    if child == 0:
        control, report = fds
        os.close(connection.fd)
        subreaper.run(report, control, lambda: start.run(shell, control, environment))
    return None


def _reap() -> None:
    """Reaps the subreapers that have ended. They are few, because each fork does this."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
