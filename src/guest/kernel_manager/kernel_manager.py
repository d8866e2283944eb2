"""Has the zygote fork a kernel, watches it and reports its end; replaces a kernel that violates the protocol. Runs in the agent."""
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Optional

from . import processes
from .link import Link, pair
from .main_thread import MainThread
from .reaper import Reaper
from .untrusted import Untrusted, confinement, count
from .zygote_manager import MAX_STARTS, ZygoteManager

if TYPE_CHECKING:
    from agent.message_types import Confinement

# Seconds.
_KERNEL_READY = 30.0
_EXIT_AFTER_END = 0.3
_RETRY = 0.05
# Looks at a kernel that has ended and is not reaped: on a busy machine its subreaper may wait for a processor.
_MOST_LOOKS = 10


class KernelEvents(NamedTuple):
    """What a kernel manager calls: `on_…` to report, `can_…` to ask."""

    on_starting: Callable[[], None]
    on_confinement: "Callable[[Confinement], None]"
    on_ready: Callable[[], None]
    on_message: Callable[[Dict[str, Any]], None]
    # Its wait status, and why the agent ended it, if it did.
    on_ended: Callable[[int, Optional[str]], None]
    on_unavailable: Callable[[str], None]
    can_start: Callable[[], bool]
    # Whether somebody waits for a kernel: then one with fewer modules is better.
    is_awaited: Callable[[], bool]
    can_read: Callable[[], bool]


class KernelManager:
    """Keeps one kernel from the zygote."""

    def __init__(self, loop: Any, zygote: ZygoteManager, events: KernelEvents) -> None:
        self._loop = loop
        self._events = events
        self._zygote = zygote
        self.pid = 0
        self.ready = False
        # The inode of its end of the socket.
        self.control = 0
        self.main: Optional[MainThread] = None
        self._link: Optional[Link] = None
        self._reaper: Optional[Reaper] = None
        # The number of the last fork order.
        self._order = 0
        self._timer: Any = None
        self._exit_timer: Any = None
        self._failures = 0
        self._broken: Optional[str] = None
        self._looks = 0

    @property
    def reaper(self) -> int:
        """The pid of the subreaper above it; 0 while none is known to run."""
        return 0 if self._reaper is None else self._reaper.pid

    def start(self) -> None:
        """Starts again, whatever failed before."""
        self._failures = 0
        self._zygote.start()
        self.start_if_none()

    def forgive(self) -> None:
        """Forgets earlier failures: the server requests another attempt."""
        self._failures = 0

    def start_if_none(self) -> None:
        """Has the zygote fork a kernel, if none runs and one is wanted; before everything is imported only if somebody waits for it."""
        if self._link is not None or self.pid or not self._events.can_start() or not self._zygote.ready:
            return
        if not self._zygote.loaded and not self._events.is_awaited():
            return
        self._events.on_starting()
        try:
            self._reaper = Reaper(self._loop, self._on_exit)
            own, other = pair()
        except OSError:
            self._lost()
            return
        self.control = os.fstat(other.fileno()).st_ino
        self._link = Link(self._loop, own, self._on_message, self._on_end)
        self._order = self._zygote.fork(other, self._reaper.take_other_end())
        self._timer = self._loop.call_later(_KERNEL_READY, self._on_slow)

    def look(self) -> None:
        """Handles its end now, if it has ended."""
        if self._reaper is not None:
            self._reaper.read()

    def send(self, message: Dict[str, Any], fds: Optional[List[int]] = None) -> None:
        """Sends a message to the kernel; does nothing when it has ended."""
        if self._link is not None:
            self._link.send(message, fds)

    def resume(self) -> None:
        """Reads the kernel's messages again."""
        if self._link is not None:
            self._link.resume()

    def drain(self) -> None:
        """Handles all messages that it has sent so far."""
        if self._link is not None:
            self._link.drain()

    def drop(self) -> None:
        """Closes all that belongs to the kernel."""
        self._stop_timer()
        if self.main is not None:
            self.main.close()
            self.main = None
        if self._exit_timer is not None:
            self._exit_timer.cancel()
            self._exit_timer = None
        if self._link is not None:
            self._link.close()
            self._link = None
        if self._reaper is not None:
            self._reaper.close()
            self._reaper = None
        self.pid = 0
        self.ready = False
        self._broken = None
        self._looks = 0

    def stop(self) -> None:
        """Ends it at once."""
        processes.kill(filter(None, (self.pid,)))
        self.drop()

    def on_zygote_unavailable(self, message: str) -> None:
        """There is no zygote any more. A running kernel continues; only the next one is unavailable."""
        if not self.ready:
            self._events.on_unavailable(message)

    def on_fork_failed(self, number: int) -> None:
        """The zygote could not carry out the order of this number."""
        if number == self._order and not self.ready:
            self._lost()

    def on_zygote_ended(self) -> None:
        """The zygote has ended; another one starts."""
        if self._link is not None and not self.ready:
            # That zygote was to fork it.
            self.drop()

    def _on_message(self, message: Dict[str, Any]) -> None:
        try:
            if self.ready:
                self._events.on_message(message)
            elif message.get("type") == "ready":
                self._on_ready(message)
            else:
                raise Untrusted("a kernel sent a message before it was ready")
        except Untrusted as error:
            self.distrust(str(error))
        if self._link is not None and self.ready and not self._events.can_read():
            self._link.pause()

    def _on_ready(self, message: Dict[str, Any]) -> None:
        pid, reaper = count(message.get("pid")), count(message.get("reaper"))
        known = (0, 1, os.getpid(), self._zygote.pid)
        if pid in known or reaper in known or self._reaper is None:
            raise Untrusted("a kernel reported an impossible process id")
        found = confinement(message.get("confinement"))
        self._stop_timer()
        self.pid = pid
        # A cell may run before the subreaper's own report arrives.
        self._reaper.started(reaper, pid)
        self.main = MainThread(pid, count(message.get("fd")), self.control)
        self.ready = True
        self._failures = 0
        self._events.on_confinement(found)
        self._events.on_ready()

    def _on_slow(self) -> None:
        self._timer = None
        self._lost()

    def _on_end(self, reason: Optional[str]) -> None:
        """The socket is closed: the kernel ended, or its cell closed it."""
        self._link = None
        if reason is not None:
            self.distrust(reason)
        elif not self.ready:
            self._lost()
        else:
            self._look_later()

    def _look_later(self) -> None:
        self._exit_timer = self._loop.call_later(_EXIT_AFTER_END, self._closed)

    def _closed(self) -> None:
        """Its socket is closed, and nothing has reported its end: it is slow to end, runs on without the socket, or its subreaper does not reap it."""
        self._exit_timer = None
        process = processes.look(self.pid)
        if process is None or process.zombie:
            self._looks += 1
            if self._looks >= _MOST_LOOKS and self._reaper is not None:
                # The subreaper is stopped. Its end ends the pipe, which reports the kernel's end.
                self._reaper.kill()
            self._look_later()
        elif processes.is_ending(self.pid):
            self._look_later()
        else:
            self.distrust("its control socket was closed")

    def distrust(self, reason: str) -> None:
        """Ends a kernel that sent an invalid message: user code uses its socket."""
        self._broken = self._broken or reason
        if self._link is not None:
            # Its messages are no longer read: a flood of them would keep the agent busy.
            self._link.close()
            self._link = None
        if not self.pid:
            self._lost()
            return
        processes.kill([self.pid])
        if self._exit_timer is None:
            self._look_later()

    def _lost(self) -> None:
        """A kernel did not start: tries again, with a new zygote when that keeps failing."""
        self.drop()
        self._failures += 1
        if not self._events.can_start():
            return
        if self._failures >= MAX_STARTS:
            self._events.on_unavailable("The kernel could not be started after %d attempts" % self._failures)
        elif self._failures == 2:
            self._zygote.kill()
        else:
            self._loop.call_later(_RETRY * 4**self._failures, self.start_if_none)

    def _on_exit(self, status: int) -> None:
        """It ended by itself, the memory limit ended it, or the agent did."""
        if self._link is not None:
            self._link.drain()
        if not self.ready:
            self._lost()
            return
        broken = self._broken
        self.drop()
        self._events.on_ended(status, broken)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
