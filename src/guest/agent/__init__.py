"""PID 1 of a container: it speaks the channel's protocol on stdin and stdout, and runs kernels or a database.

The loader calls `main`. Before the hello is sent, only the modules that it needs are imported.
Longer than 300 lines because it is the one place that knows all parts.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any, List, NoReturn, Optional, Tuple

from agent.accounts import name_user
from agent.channel import Channel, Handlers
from agent.children import Children
from agent.attestation import attestation
from agent.contract import DEFAULT_CONTEXT, PROTOCOL, REQUESTS, BootConfig, InvalidMessage, boot_config
from agent.process import (
    descriptors_open,
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

if TYPE_CHECKING:
    from agent.message_types import AgentError, Attestation, ErrorCode, Event, Hello

# The requests about past executions; the kernel gets the others.
JOURNAL_REQUESTS = frozenset(("journal", "source", "resume"))
EXIT_LEASE = 75
_EXIT_STUCK = 70
# The time limit for writing the last frames.
_FLUSH_SECONDS = 0.5
# The watchdog's alarm rings this long after the lease: a loop that has not run until then hangs and cannot end the agent.
_STUCK_SECONDS = 30.0


class Agent:
    """Wires the parts together; one for each process."""

    def __init__(self, config: BootConfig) -> None:
        self.loop = Reactor()
        self._config = config
        self._lease_seconds = config.lease_seconds
        if config.mode == "sandbox":
            outlive_others()
        self._dumpable = make_undumpable()
        source, sink = take_standard_streams()
        self._descriptors_open = descriptors_open(source, sink)
        self._children = Children(self.loop)
        handlers = Handlers(self._hello, self._on_request, self._on_open, self._on_room)
        self._channel = Channel(self.loop, source, sink, handlers)
        self._kernel: Any = None
        self._journal: Any = None
        self._database: Any = None
        self._files: Any = None
        self._installers: Any = None
        self._started = False
        self._early: List[Tuple[int, str, Any]] = []
        self._ending = False
        self._alarms = 0
        self._ticked = self.loop.time()
        self._sigterm = -1

    def run(self) -> NoReturn:
        self._take_signals()
        self._channel.start()
        self._watch_lease()
        # After the first turn, which sends the hello if the server has attached already.
        self.loop.call_later(0, self.loop.call_soon, self._start_services)
        self.loop.run_forever()
        os._exit(0)

    def _take_signals(self) -> None:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        self.loop.add_reader(reading, self._on_signal, reading)
        # An empty handler, because children would inherit an ignored signal through exec.
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _note)
        signal.signal(signal.SIGALRM, self._on_alarm)
        try:
            # Code in the sandbox runs as the agent's user: only the engine's SIGTERM may end the agent.
            self._sigterm = take_sigterm()
            self.loop.add_reader(self._sigterm, self._on_sigterm)
        except (OSError, ImportError, AttributeError) as error:
            log("Cannot identify the senders of SIGTERM: %s" % error)

    def _on_signal(self, reading: int) -> None:
        numbers = os.read(reading, 4096)
        if signal.SIGTERM in numbers:
            self._end(0)
        self._children.on_sigchld()

    def _on_sigterm(self) -> None:
        if sigterm_from_outside(self._sigterm):
            self._end(0)

    def _on_alarm(self, *_: Any) -> None:
        """Handles the watchdog's alarm. A paused container can cause the first one; a second one means that the loop hangs.

        Any process in the container can send this signal: only the agent's own clock counts.
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
            # The container may have been paused: frames that arrived meanwhile count.
            self._channel.read_waiting()
            left = self._channel.last_heard + self._lease_seconds - self.loop.time()
        if left <= 0:
            log("The lease of %g s has expired: no server has sent a frame" % self._lease_seconds)
            self._end(EXIT_LEASE)
        else:
            self.loop.call_later(min(left, 5.0), self._watch_lease)

    def _start_services(self) -> None:
        self._serve()
        self._started = True
        for request in self._early:
            self._serve_request(*request)
        self._early.clear()

    def _serve(self) -> None:
        if self._config.database is not None:
            from agent.database import Database

            self._database = Database(self.loop, self._children, self._config.database, self._emit)
            self._database.start()
            return
        name_user()
        if self._config.services:
            from agent.services import listen

            listen(self.loop, self._channel, self._config, self._emit)
        self._start_kernel()

    def _start_kernel(self) -> None:
        try:
            from agent.journal import Journal
            from agent.memory import sandbox_memory
            from agent.pace import Pace
            from kernel_manager.supervisor import KernelSupervisor

            channel = self._channel
            assert self._config.kernel is not None
            journal = Journal(self.loop.time, channel.emit, channel.can_emit, sandbox_memory().limit)
            pace = Pace(self.loop, journal.emit, journal.can_emit, self._on_room)
            kernel = KernelSupervisor(self.loop, self._config.kernel, pace.emit, pace.can_emit)
            self._journal = journal
            self._children.on_unwatched_exit = kernel.on_child_exit
            self._kernel = kernel
            kernel.start()
        except Exception as error:
            log_exception("Cannot start the kernel")
            self._kernel = None
            message = "Cannot start the kernel: %r" % error
            failure: "AgentError" = {"code": "kernel_unavailable", "message": message}
            self._emit({"type": "execution_state", "context": DEFAULT_CONTEXT, "state": "dead",
                        "confinement": None, "error": failure})

    def _emit(self, event: "Event") -> None:
        """Sends an event that belongs to no request."""
        self._channel.emit(0, event)

    def _on_room(self) -> None:
        if self._kernel is not None and self._journal.continue_resuming():
            self._kernel.resume_output()

    def _hello(self) -> "Hello":
        try:
            found: "Optional[Attestation]" = attestation(self._dumpable, self._descriptors_open)
        except Exception:
            log_exception("Cannot read the effective confinement")
            found = None
        return {
            "protocol": PROTOCOL,
            "agent": self._config.version,
            "python": "%d.%d.%d" % sys.version_info[:3],
            "mode": self._config.mode,
            "attestation": found,
        }

    def _on_request(self, request_id: int, method: str, params: Any) -> None:
        check = REQUESTS.get(method)
        if check is None or (self._config.mode != "sandbox" and method != "shutdown"):
            message = "The agent in mode %s has no method %.64s" % (self._config.mode, method)
            self._reply_error(request_id, "unknown_method", message)
            return
        try:
            checked = check(params)
        except InvalidMessage as error:
            self._reply_error(request_id, "invalid_argument", "Cannot %s: %s" % (method, error))
            return
        if method == "shutdown":
            self._end(0, request_id)
        elif self._started:
            self._serve_request(request_id, method, checked)
        else:
            self._early.append((request_id, method, checked))

    def _serve_request(self, request_id: int, method: str, checked: Any) -> None:
        """Passes a request with its checked parameters to the kernel."""
        if self._kernel is None:
            self._reply_error(request_id, "kernel_unavailable", "There is no kernel in this container")
            return
        try:
            if method == "execute":
                self._journal.begin(request_id, checked)
            getattr(self._journal if method in JOURNAL_REQUESTS else self._kernel, method)(request_id, checked)
        except Exception as error:
            log_exception("The request %s failed" % method)
            self._reply_error(request_id, "internal", "The agent failed in %s: %r" % (method, error))

    def _reply_error(self, request_id: int, code: "ErrorCode", message: str) -> None:
        emit = self._channel.emit if self._journal is None else self._journal.emit
        emit(request_id, {"type": "reply", "error": {"code": code, "message": message[:2000]}})

    def _on_open(self, stream: Stream, service: str) -> str:
        if service == "files" and self._config.mode == "sandbox":
            if self._files is None:
                from agent.files import FileService

                self._files = FileService(
                    self.loop, open_saved=lambda path: self._kernel and self._kernel.outputs.open(path),
                    on_written=lambda found: self._kernel and self._kernel.file_written(found),
                )
            self._files.serve(stream)
            return ""
        if service == "packages" and self._kernel is not None:
            return self._install(stream)
        if service != "postgres" or self._database is None:
            return "unknown service"
        from agent.relay import connect

        return connect(self.loop, stream, self._database.socket_directory)

    def _install(self, stream: Stream) -> str:
        from agent.packages import PackageInstallers

        if self._installers is None:
            self._installers = PackageInstallers(self.loop, self._children, lambda: int(self._kernel.zygote_pid()))
        return str(self._installers.connect(stream))

    def _end(self, code: int, request_id: Optional[int] = None) -> None:
        """Ends the kernel or the database, replies to the request if there is one, and exits."""
        if self._ending:
            return
        self._ending = True

        def stopped() -> None:
            if request_id is not None:
                self._channel.emit(request_id, {"type": "reply", "result": {}})
            self._exit_when_flushed(code, self.loop.time() + _FLUSH_SECONDS)

        if self._kernel is not None:
            try:
                self._kernel.stop()
            except Exception:
                log_exception("Cannot stop the kernel")
        if self._database is not None:
            self._database.stop(stopped)
        else:
            stopped()

    def _exit_when_flushed(self, code: int, deadline: float) -> None:
        if self._channel.flush() or self.loop.time() > deadline:
            os._exit(code)
        self.loop.call_later(0.01, self._exit_when_flushed, code, deadline)


def _note(*_: Any) -> None:
    """Does nothing: the loop reads the signal from the wake-up descriptor."""


def main(config: Any) -> NoReturn:
    """Runs the agent until it ends itself. An invalid configuration is reported on stderr."""
    try:
        agent = Agent(boot_config(config))
    except InvalidMessage as error:
        log("Cannot start: %s" % error)
        os._exit(1)
    except Exception:
        log_exception("Cannot start")
        os._exit(1)
    agent.run()
