"""Database mode: one Postgres server in this container; a lock keeps other agents away from its data folder."""

from __future__ import annotations

import fcntl
import os
import signal
from typing import TYPE_CHECKING, Callable, List, Optional

from agent.children import Children, describe, kill
from agent.attestation import filesystem_of
from agent.contract import DatabaseConfig
from agent.process import log
from agent.reactor import Reactor

if TYPE_CHECKING:
    from agent.message_types import ErrorCode, Event

# After an unclean shutdown, a large CDM replays its write-ahead log first.
_START_SECONDS = 300.0
_STOP_SECONDS = 5.0
_POLL_SECONDS = 0.02
# Index of a line in postmaster.pid, which pg_ctl reads too: "ready" when Postgres accepts connections.
_STATUS_LINE = 7
# The server's log contains Postgres's log: it must not quote statements or error details, which may hold patients' data.
_QUIET = {"log_min_messages": "log", "log_min_error_statement": "panic", "log_error_verbosity": "terse"}


class Database:
    """Starts Postgres from a template or on existing data, and reports its state by `database_state` events."""

    def __init__(
        self,
        loop: Reactor,
        children: Children,
        config: DatabaseConfig,
        emit: "Callable[[Event], None]",
    ) -> None:
        self._loop = loop
        self._children = children
        self._template = config.template
        self._data = os.path.abspath(config.data)
        self._lock = config.lock
        self._settings = config.settings
        self.socket_directory = config.socket_directory
        self._emit = emit
        self._lock_fd = -1
        self._pid = 0
        self._ready = False
        self._failed = False
        self._deadline = 0.0
        self._on_stopped: Optional[Callable[[], None]] = None

    def start(self) -> None:
        try:
            if self._lock and not self._take_lock(self._lock):
                self._fail("cdm_in_use", "Another server uses the data of %s" % self._data)
                return
            self._prepare()
        except OSError as error:
            self._fail("database_failed", "Cannot prepare the data of Postgres: %s" % error)

    def stop(self, on_stopped: Callable[[], None]) -> None:
        """Shuts Postgres down in fast mode (SIGINT); kills it if that takes too long."""
        self._on_stopped = on_stopped
        if self._pid == 0:
            self._loop.call_soon(on_stopped)
            return
        kill(self._pid, signal.SIGINT)
        self._loop.call_later(_STOP_SECONDS, self._kill)

    def _kill(self) -> None:
        if self._pid:
            log("Postgres did not end within %g s: killing it" % _STOP_SECONDS)
            kill(self._pid, signal.SIGKILL)

    def _take_lock(self, path: str) -> bool:
        self._lock_fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock_fd)
            self._lock_fd = -1
            return False
        return True

    def _prepare(self) -> None:
        """Copies the template if there is no data. The copy gets its final name only when it is complete."""
        parent = os.path.dirname(self._data)
        partial = self._data + ".partial"
        stale = [path for path in (partial,) if os.path.lexists(path)]
        fresh = not os.path.isdir(self._data) or (
            self._template is not None and filesystem_of(parent) == "tmpfs"
        )
        if fresh and os.path.isdir(self._data):
            stale.append(self._data)
        if fresh and self._template is None:
            self._fail("no_data", "No data in %s, and no template to copy" % self._data)
        elif fresh:
            self._run(
                [["rm", "-rf", "--", *stale], ["cp", "-a", "--", str(self._template), partial]], self._install
            )
        else:
            self._run([["rm", "-rf", "--", *stale]], self._start_server)

    def _run(self, commands: List[List[str]], then: Callable[[], None]) -> None:
        """Runs programs one after the other without blocking the loop."""

        def ended(status: int) -> None:
            self._pid = 0
            if self._on_stopped is not None:
                self._on_stopped()
            elif status:
                self._fail(
                    "database_failed",
                    "Cannot prepare the data of Postgres: %s %s" % (commands[0][0], describe(status)),
                )
            else:
                self._run(commands[1:], then)

        if not commands:
            then()
        elif commands[0][-1] == "--":
            self._run(commands[1:], then)
        else:
            self._pid = self._children.spawn(commands[0], ended)

    def _install(self) -> None:
        os.rename(self._data + ".partial", self._data)
        self._start_server()

    def _start_server(self) -> None:
        try:
            # The lock shows that the file is stale; another process in this container may have its process id now.
            os.unlink(os.path.join(self._data, "postmaster.pid"))
        except FileNotFoundError:
            pass
        try:
            os.makedirs(self.socket_directory, mode=0o700, exist_ok=True)
            settings = {
                **_QUIET,
                **self._settings,
                "listen_addresses": "",
                "unix_socket_directories": self.socket_directory,
            }
            command = ["postgres", "-D", self._data]
            for name, value in settings.items():
                command += ["-c", "%s=%s" % (name, value)]
            # Postgres holds the lock too: when the agent ends, its own descriptor closes before Postgres ends.
            self._pid = self._children.spawn(command, self._on_server_ended, self._lock_fd)
        except OSError as error:
            self._fail("database_failed", "Cannot start Postgres: %s" % error)
            return
        self._deadline = self._loop.time() + _START_SECONDS
        self._await_ready()

    def _await_ready(self) -> None:
        if self._pid == 0 or self._failed or self._on_stopped is not None:
            return
        if self._status() == "ready":
            self._ready = True
            self._emit({"type": "database_state", "state": "ready", "error": None})
        elif self._loop.time() > self._deadline:
            self._fail("database_failed", "Postgres did not accept connections within %g s" % _START_SECONDS)
            kill(self._pid, signal.SIGINT)
        else:
            self._loop.call_later(_POLL_SECONDS, self._await_ready)

    def _status(self) -> str:
        try:
            with open(os.path.join(self._data, "postmaster.pid"), encoding="utf-8", errors="replace") as file:
                lines = file.read().split("\n")
        except OSError:
            return ""
        return lines[_STATUS_LINE].strip() if len(lines) > _STATUS_LINE else ""

    def _on_server_ended(self, status: int) -> None:
        self._pid = 0
        self._ready = False
        if self._on_stopped is not None:
            self._on_stopped()
        elif not self._failed:
            self._fail("database_failed", "Postgres %s" % describe(status))

    def _fail(self, code: "ErrorCode", message: str) -> None:
        self._failed = True
        log(message)
        self._emit({"type": "database_state", "state": "failed", "error": {"code": code, "message": message}})
