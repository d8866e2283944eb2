"""PID 1 of a container: it speaks the channel's protocol on stdin and stdout, and serves what its mode says.

`main` is what the loader calls. Only what the hello needs is imported before it is sent.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, Callable, Dict, List, NoReturn, Optional, Tuple

from agent.accounts import name_user
from agent.channel import Channel, Handlers
from agent.children import Children
from agent.attestation import attestation
from agent.process import (
    log,
    log_exception,
    make_undumpable,
    outlive_others,
    sigterm_from_outside,
    take_sigterm,
    take_standard_streams,
)
from agent.reactor import Reactor
from agent.streams import Stream

AGENT_VERSION = "0.1.0"
PROTOCOL = 1

_KERNEL_METHODS = frozenset(("execute", "interrupt", "restart", "status"))

EXIT_LEASE = 75
_EXIT_STUCK = 70
_DEFAULT_LEASE_SECONDS = 90.0
# How long the last words may take to be written.
_LAST_WORDS_SECONDS = 0.5
# The watchdog's alarm beyond the lease: a loop that stood still so long will not end by itself.
_STUCK_SECONDS = 30.0


class Agent:
    """Wires the parts together; one for each process."""

    def __init__(self, config: Dict[str, Any]) -> None:
        self.loop = Reactor()
        self._config = config
        self._mode = str(config.get("mode") or "sandbox")
        self._lease_seconds = float(config.get("lease_seconds") or _DEFAULT_LEASE_SECONDS)
        self._services: List[str] = [str(name) for name in config.get("services") or []]
        if self._mode == "sandbox":
            outlive_others()
        self._dumpable = make_undumpable()
        source, sink = take_standard_streams()
        self._children = Children(self.loop)
        handlers = Handlers(self._hello, self._request, self._open, self._room)
        self._channel = Channel(self.loop, source, sink, handlers)
        self._kernel: Any = None
        self._database: Any = None
        self._started = False
        self._early: List[Tuple[int, str, Dict[str, Any]]] = []
        self._ending = False
        self._alarms = 0
        self._ticked = self.loop.time()
        self._sigterm = -1

    def run(self) -> NoReturn:
        self._take_signals()
        self._channel.start()
        self._watch_lease()
        # After the first turn, in which the hello goes out if the server has attached already.
        self.loop.call_later(0, self.loop.call_soon, self._start_services)
        self.loop.run_forever()
        os._exit(0)

    def _take_signals(self) -> None:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        self.loop.add_reader(reading, self._signalled, reading)
        # A handler, even an empty one, is not inherited through exec, as an ignored signal would be.
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _note)
        signal.signal(signal.SIGALRM, self._stuck)
        try:
            # Code in the sandbox has our user: its SIGTERM must not end us, the engine's must.
            self._sigterm = take_sigterm()
            self.loop.add_reader(self._sigterm, self._terminated)
        except (OSError, ImportError, AttributeError) as error:
            log("Cannot tell who sends SIGTERM: %s" % error)

    def _signalled(self, reading: int) -> None:
        numbers = os.read(reading, 4096)
        if signal.SIGTERM in numbers:
            self._end(0)
        self._children.reap()

    def _terminated(self) -> None:
        if sigterm_from_outside(self._sigterm):
            self._end(0)

    def _stuck(self, *_: Any) -> None:
        """The alarm of the watchdog: once may be a container that was paused, twice is a loop that stands still.

        Anybody in the container can send that signal: only our own clock counts.
        """
        overdue = self.loop.time() - self._ticked - self._lease_seconds
        if overdue >= _STUCK_SECONDS:
            self._alarms += 1
        if self._alarms > 1 and overdue >= 2 * _STUCK_SECONDS:
            os._exit(_EXIT_STUCK)
        signal.setitimer(signal.ITIMER_REAL, _STUCK_SECONDS)

    def _watch_lease(self) -> None:
        self._alarms = 0
        self._ticked = self.loop.time()
        signal.setitimer(signal.ITIMER_REAL, self._lease_seconds + _STUCK_SECONDS)
        left = self._channel.last_heard + self._lease_seconds - self.loop.time()
        if left <= 0:
            # We may have been stopped for a while: what the server said meanwhile counts.
            self._channel.read_waiting()
            left = self._channel.last_heard + self._lease_seconds - self.loop.time()
        if left <= 0:
            log("The lease of %g s is out: no server has spoken" % self._lease_seconds)
            self._end(EXIT_LEASE)
        else:
            self.loop.call_later(min(left, 5.0), self._watch_lease)

    def _start_services(self) -> None:
        self._serve()
        self._started = True
        for request in self._early:
            self._request(*request)
        self._early.clear()

    def _serve(self) -> None:
        if self._mode == "database":
            from agent.database import Database

            self._database = Database(
                self.loop, self._children, self._config.get("database") or {}, self._tell
            )
            self._database.start()
            return
        name_user()
        if "postgres" in self._services:
            self._listen()
        self._start_kernel()

    def _listen(self) -> None:
        from agent.relay import PostgresRelay

        directory = str(self._config.get("postgres_socket_directory") or "/run/postgresql")
        try:
            PostgresRelay(self.loop, self._channel, directory).listen()
        except OSError as error:
            log("Cannot listen for database connections: %s" % error)
            failure = {
                "code": "relay_failed",
                "message": "Cannot listen for database connections: %s" % error,
            }
            self._tell({"type": "service_state", "service": "postgres", "state": "failed", "error": failure})

    def _start_kernel(self) -> None:
        try:
            from kernel_manager.supervisor import KernelSupervisor

            kernel = KernelSupervisor(self.loop, self._config, self._channel.emit, self._channel.can_emit)
            self._children.on_other = kernel.child_exited
            self._kernel = kernel
            kernel.start()
        except Exception as error:
            log_exception("Cannot start the kernel")
            self._kernel = None
            failure = {"code": "kernel_unavailable", "message": "Cannot start the kernel: %r" % error}
            self._tell({"type": "kernel_state", "state": "dead", "confinement": None, "error": failure})

    def _tell(self, event: Dict[str, Any]) -> None:
        self._channel.emit(0, event)

    def _room(self) -> None:
        if self._kernel is not None:
            self._kernel.resume_output()

    def _hello(self) -> Dict[str, Any]:
        try:
            found: Optional[Dict[str, Any]] = attestation(self._dumpable)
        except Exception:
            log_exception("Cannot tell what is in force")
            found = None
        return {
            "protocol": PROTOCOL,
            "agent": AGENT_VERSION,
            "python": "%d.%d.%d" % sys.version_info[:3],
            "mode": self._mode,
            "attestation": found,
        }

    def _request(self, request_id: int, method: str, params: Dict[str, Any]) -> None:
        if method == "shutdown":
            self._end(0, request_id)
            return
        if not self._started:
            self._early.append((request_id, method, params))
            return
        if self._mode != "sandbox" or method not in _KERNEL_METHODS:
            self._reply_error(
                request_id, "unknown_method", "There is no method %s in mode %s" % (method[:64], self._mode)
            )
            return
        if self._kernel is None:
            self._reply_error(request_id, "kernel_unavailable", "There is no kernel in this container")
            return
        serve: Callable[[int, Dict[str, Any]], None] = getattr(self._kernel, method)
        try:
            serve(request_id, params)
        except Exception as error:
            log_exception("The request %s failed" % method)
            self._reply_error(request_id, "internal", "The agent failed in %s: %r" % (method, error))

    def _reply_error(self, request_id: int, code: str, message: str) -> None:
        self._channel.emit(request_id, {"type": "reply", "error": {"code": code, "message": message[:2000]}})

    def _open(self, stream: Stream, service: str) -> str:
        if service != "postgres" or self._database is None:
            return "unknown service"
        from agent.relay import connect

        return connect(self.loop, stream, self._database.socket_directory)

    def _end(self, code: int, request_id: Optional[int] = None) -> None:
        """Ends what was started, answers who asked for it, and exits."""
        if self._ending:
            return
        self._ending = True

        def stopped() -> None:
            if request_id is not None:
                self._channel.emit(request_id, {"type": "reply", "result": {}})
            self._last_words(code, self.loop.time() + _LAST_WORDS_SECONDS)

        if self._kernel is not None:
            try:
                self._kernel.stop()
            except Exception:
                log_exception("Cannot stop the kernel")
        if self._database is not None:
            self._database.stop(stopped)
        else:
            stopped()

    def _last_words(self, code: int, deadline: float) -> None:
        if self._channel.flush() or self.loop.time() > deadline:
            os._exit(code)
        self.loop.call_later(0.01, self._last_words, code, deadline)


def _note(*_: Any) -> None:
    """The wake-up descriptor brings the signal to the loop."""


def main(config: Dict[str, Any]) -> NoReturn:
    """Runs the agent until it ends itself."""
    try:
        agent = Agent(config)
    except Exception:
        log_exception("Cannot start")
        os._exit(1)
    agent.run()
