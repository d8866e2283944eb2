"""Has the zygote fork a kernel, watches it and reports its end; replaces a kernel that violates the protocol. Runs in the agent.

The kernel is PID 1's own child (the zygote forks twice), so that `on_child_exit` gets its wait status.
"""
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from . import processes
from .link import Link, pair
from .main_thread import MainThread
from .untrusted import Untrusted, count
from .zygote_manager import MAX_STARTS, ZygoteEvents, ZygoteManager

if TYPE_CHECKING:
    from agent.message_types import Confinement

# Seconds.
_KERNEL_READY = 30.0
_EXIT_AFTER_END = 0.3
_RETRY = 0.05
_MAX_ENDED_PIDS = 256


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
    """Keeps a zygote, and a kernel from it."""

    def __init__(self, loop: Any, preload: List[str], events: KernelEvents) -> None:
        self._loop = loop
        self._events = events
        self._zygote = ZygoteManager(
            loop,
            preload,
            ZygoteEvents(
                on_starting=events.on_starting,
                on_confinement=lambda facts: events.on_confinement(_confinement(facts)),
                on_ready=self.start_if_none,
                on_unavailable=self._on_unavailable,
                on_fork_failed=self._on_fork_failed,
                on_ended=self._on_zygote_ended,
            ),
        )
        self.pid = 0
        self.ready = False
        # The inode of its end of the socket.
        self.control = 0
        self.main: Optional[MainThread] = None
        self._link: Optional[Link] = None
        self._timer: Any = None
        self._exit_timer: Any = None
        self._failures = 0
        self._ended_pids: Dict[int, int] = {}
        self._broken: Optional[str] = None

    def pids(self) -> Tuple[int, int]:
        """Of the zygote and the kernel; 0 for one that does not run."""
        return self._zygote.pid, self.pid

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
            own, other = pair()
        except OSError as error:
            self._lost(str(error))
            return
        self.control = os.fstat(other.fileno()).st_ino
        self._link = Link(self._loop, own, self._on_message, self._on_end)
        self._zygote.fork(other)
        self._timer = self._loop.call_later(_KERNEL_READY, self._on_slow)

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
        self.ready = False
        self._broken = None

    def on_child_exit(self, pid: int, status: int) -> bool:
        """Handles the wait status of a reaped process; returns whether it was the zygote or the kernel."""
        if pid <= 0:
            return False
        if pid == self._zygote.pid:
            self._zygote.on_exit()
            return True
        if pid == self.pid:
            self._ended(status)
            return True
        if self._link is not None and not self.pid:
            # Perhaps a kernel that ended before its first message was read.
            self._ended_pids[pid] = status
            if len(self._ended_pids) > _MAX_ENDED_PIDS:
                self._ended_pids.pop(next(iter(self._ended_pids)))
        return False

    def stop(self) -> None:
        """Ends both at once."""
        if self._link is not None:
            self._link.close()
        self._zygote.stop()

    def _on_unavailable(self, message: str) -> None:
        # A running kernel continues; only the next one is unavailable.
        if not self.ready:
            self._events.on_unavailable(message)

    def _on_fork_failed(self, why: str) -> None:
        # A ready kernel continues: the process between it and the zygote was ended before it could exit by itself.
        if not self.ready:
            self._lost(why)

    def _on_zygote_ended(self) -> None:
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
        pid = count(message.get("pid"))
        if pid in (0, 1, os.getpid(), self._zygote.pid):
            raise Untrusted("a kernel reported an impossible process id")
        confinement = _confinement(message.get("confinement"))
        self._stop_timer()
        self.pid = pid
        self.main = MainThread(pid, count(message.get("fd")), self.control)
        self.ready = True
        self._failures = 0
        status = self._ended_pids.pop(pid, None)
        self._ended_pids.clear()
        self._events.on_confinement(confinement)
        if status is None:
            self._events.on_ready()
        else:
            self._ended(status)

    def _on_slow(self) -> None:
        self._timer = None
        self._lost("the kernel was not ready in time")

    def _on_end(self, reason: Optional[str]) -> None:
        """The socket is closed: the kernel ended, or its cell closed it."""
        self._link = None
        if reason is not None:
            self.distrust(reason)
        elif not self.ready:
            self._lost("the kernel ended before it was ready")
        elif self.pid:
            self._exit_timer = self._loop.call_later(_EXIT_AFTER_END, self._closed)

    def _closed(self) -> None:
        if processes.is_ending(self.pid):
            self._exit_timer = self._loop.call_later(_EXIT_AFTER_END, self._closed)
        else:
            self.distrust("its control socket was closed")

    def distrust(self, reason: str) -> None:
        """Ends a kernel that sent an invalid message: user code uses its socket."""
        self._broken = reason
        if self._link is not None:
            # Its messages are no longer read: a flood of them would keep the agent busy.
            self._link.close()
            self._link = None
        if self.pid:
            processes.kill([self.pid])
        else:
            self._lost(reason)

    def _lost(self, _why: str) -> None:
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

    def _ended(self, status: int) -> None:
        """It was reaped: it ended by itself, the memory limit killed it, or the agent did."""
        if self._link is not None:
            self._link.drain()
        broken = self._broken
        self.pid = 0
        self.drop()
        self._events.on_ended(status, broken)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _confinement(value: Any) -> "Confinement":
    """The confinement that a process reported before it ran user code. Its shape is checked anyway."""
    if not isinstance(value, dict):
        raise Untrusted("no confinement was reported")
    return {
        "no_new_privs": value.get("no_new_privs") is True,
        "seccomp": count(value.get("seccomp")),
        "filters": count(value.get("filters")),
        "landlock": count(value.get("landlock")),
    }
