"""Has a kernel made, watches over it, and tells its end: one at a time, trusted until it breaks the rules. Runs in the agent.

The kernel is PID 1's own child (the zygote forks twice), so that its end is told by `child_exited`.
"""
from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from . import processes
from .untrusted import Untrusted, count
from .zygote_manager import MAX_STARTS, ZygoteEvents, ZygoteManager
from .link import Link, pair
from .main_thread import MainThread

# Seconds.
_KERNEL_READY = 30.0
_EXIT_AFTER_END = 0.3
_RETRY = 0.05
_MAX_ENDED_PIDS = 256


class KernelEvents(NamedTuple):
    """What a kernel manager reports; `can_start` and `can_read` are asked."""

    on_starting: Callable[[], None]
    on_confinement: Callable[[Dict[str, Any]], None]
    on_ready: Callable[[], None]
    on_message: Callable[[Dict[str, Any]], None]
    # Its wait status, and why it was ended by us, if it was.
    on_ended: Callable[[int, Optional[str]], None]
    on_unavailable: Callable[[str], None]
    can_start: Callable[[], bool]
    can_read: Callable[[], bool]


class KernelManager:
    """Keeps a zygote, and a kernel from it."""

    def __init__(self, loop: Any, preload: List[str], told: KernelEvents) -> None:
        self._loop = loop
        self._told = told
        self._zygote = ZygoteManager(
            loop,
            preload,
            ZygoteEvents(
                on_starting=told.on_starting,
                on_confinement=lambda facts: told.on_confinement(_confinement(facts)),
                on_ready=self.start_if_none,
                on_unavailable=self._on_unavailable,
                on_fork_failed=self._lost,
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
        """Of the zygote and the kernel; 0 where there is none."""
        return self._zygote.pid, self.pid

    def start(self) -> None:
        """Begins anew, whatever failed before."""
        self._failures = 0
        self._zygote.start()
        self.start_if_none()

    def forgive(self) -> None:
        """Forgets earlier failures: somebody asks for another try."""
        self._failures = 0

    def start_if_none(self) -> None:
        """Orders a kernel from the zygote, if there is none and one is wanted."""
        if self._link is not None or self.pid or not self._told.can_start() or not self._zygote.ready:
            return
        self._told.on_starting()
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
        """Sends to the kernel; nothing where it has gone."""
        if self._link is not None:
            self._link.send(message, fds)

    def resume(self) -> None:
        """Reads on."""
        if self._link is not None:
            self._link.resume()

    def drain(self) -> None:
        """Takes all that it has said so far."""
        if self._link is not None:
            self._link.drain()

    def drop(self) -> None:
        """Has nothing more to do with the kernel."""
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

    def child_exited(self, pid: int, status: int) -> bool:
        """To be told of every process that was reaped; says whether it was one of ours."""
        if pid <= 0:
            return False
        if pid == self._zygote.pid:
            self._zygote.ended()
            return True
        if pid == self.pid:
            self._ended(status)
            return True
        if self._link is not None and not self.pid:
            # It may be a kernel that ended before its first word was read.
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
        # A kernel that runs already goes on; only the next one cannot be had.
        if not self.ready:
            self._told.on_unavailable(message)

    def _on_zygote_ended(self) -> None:
        if self._link is not None and not self.ready:
            # It was ordered from that zygote, and will not come.
            self.drop()

    def _on_message(self, message: Dict[str, Any]) -> None:
        try:
            if self.ready:
                self._told.on_message(message)
            elif message.get("type") == "ready":
                self._on_ready(message)
            else:
                raise Untrusted("a kernel spoke before it was ready")
        except Untrusted as error:
            self.distrust(str(error))
        if self._link is not None and self.ready and not self._told.can_read():
            self._link.pause()

    def _on_ready(self, message: Dict[str, Any]) -> None:
        pid = count(message.get("pid"))
        if pid in (0, 1, os.getpid(), self._zygote.pid):
            raise Untrusted("a kernel gave an impossible process id")
        confinement = _confinement(message.get("confinement"))
        self._stop_timer()
        self.pid = pid
        self.main = MainThread(pid, count(message.get("fd")), self.control)
        self.ready = True
        self._failures = 0
        status = self._ended_pids.pop(pid, None)
        self._ended_pids.clear()
        self._told.on_confinement(confinement)
        if status is None:
            self._told.on_ready()
        else:
            self._ended(status)

    def _on_slow(self) -> None:
        self._timer = None
        self._lost("the kernel was not ready in time")

    def _on_end(self, reason: Optional[str]) -> None:
        """The socket is closed, by the kernel's end or by the cell that runs in it."""
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
        """A kernel whose socket is not ours alone any more cannot be kept."""
        self._broken = reason
        if self._link is not None:
            # Nothing more of it is heard: a flood that it has sent would keep us at it.
            self._link.close()
            self._link = None
        if self.pid:
            processes.kill([self.pid])
        else:
            self._lost(reason)

    def _lost(self, _why: str) -> None:
        """A kernel that never was: try again, with a new zygote when it keeps failing."""
        self.drop()
        self._failures += 1
        if not self._told.can_start():
            return
        if self._failures >= MAX_STARTS:
            self._told.on_unavailable("The kernel could not be started after %d attempts" % self._failures)
        elif self._failures == 2:
            self._zygote.kill()
        else:
            self._loop.call_later(_RETRY * 4**self._failures, self.start_if_none)

    def _ended(self, status: int) -> None:
        """It was reaped: by its own fault, by memory's, or because we have killed it."""
        if self._link is not None:
            self._link.drain()
        broken = self._broken
        self.pid = 0
        self.drop()
        self._told.on_ended(status, broken)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _confinement(value: Any) -> Dict[str, Any]:
    """The facts a process reported before it ran any user code; of the right shape all the same."""
    if not isinstance(value, dict):
        raise Untrusted("no confinement was reported")
    return {
        "no_new_privs": value.get("no_new_privs") is True,
        "seccomp": count(value.get("seccomp")),
        "filters": count(value.get("filters")),
        "landlock": count(value.get("landlock")),
    }
