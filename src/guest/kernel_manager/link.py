"""The agent's non-blocking end of a socket to the zygote or a kernel. A kernel's messages are untrusted."""
from __future__ import annotations

import array
import errno
import json
import os
import socket
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional, Tuple

from kernel.wire import MAX_CELL_BYTES, MAX_MESSAGE_BYTES, frame

_READ_BYTES = 1 << 18
_SOCKET_BUFFER_BYTES = 1 << 20
# The peer has ended: the reader reports it, after its last messages.
_PEER_ENDED = frozenset((errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN))
# Seconds. Other failures can be temporary: limits on memory and on a user's descriptors in flight recover as processes close theirs.
_RETRY = 0.05
_GIVE_UP = 2.0
# Seconds of messages per turn of the loop: a flood of small ones must not keep the agent from its other work.
_TURN_SECONDS = 0.005
# More than a socket can hold: messages that arrive during a drain must not prolong it.
_DRAINED_BYTES = 4 << 20
# Our own zygote and kernel read their messages; a peer with this many unread ones is not trusted.
_MAX_UNSENT = 1024


class Link:
    """Sends and receives messages. Calls `on_end` once, with a reason if the peer violated the protocol."""

    def __init__(
        self,
        loop: Any,
        end: socket.socket,
        on_message: Callable[[Dict[str, Any]], None],
        on_end: Callable[[Optional[str]], None],
    ) -> None:
        self._loop = loop
        self._socket: Optional[socket.socket] = end
        self._on_message = on_message
        self._on_end = on_end
        self._in = bytearray()
        self._out: Deque[Tuple[memoryview, List[int]]] = deque()
        self._reading = True
        self._watching = False
        self._scheduled = False
        self._retry: Any = None
        self._failing_since: Optional[float] = None
        end.setblocking(False)
        self._watch(True)

    def send(self, message: Dict[str, Any], fds: Optional[List[int]] = None) -> None:
        """Queues a message with descriptors, which are closed here once sent. If it cannot be sent, the link ends with a reason."""
        if len(self._out) >= _MAX_UNSENT:
            _close_all(fds or [])
            if self._socket is not None:
                self._end("it did not read its messages")
            return
        self._out.append((memoryview(frame(message, MAX_CELL_BYTES)), fds or []))
        if self._retry is None:
            self._write()

    def pause(self) -> None:
        """Delivers nothing until resume()."""
        self._reading = False
        self._watch(False)

    def resume(self) -> None:
        if not self._reading:
            self._reading = True
            self._schedule()

    def drain(self) -> None:
        """Delivers all complete messages that have arrived, even while paused."""
        drained = 0
        while self._socket is not None and drained < _DRAINED_BYTES:
            taken = self._receive()
            if taken == 0:
                break
            drained += taken
        while self._deliver_one():
            pass

    def close(self) -> None:
        """Closes it without calling `on_end`."""
        if self._socket is None:
            return
        self.pause()
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._loop.remove_writer(self._socket.fileno())
        self._socket.close()
        self._socket = None
        for _, fds in self._out:
            _close_all(fds)
        self._out.clear()

    def _on_readable(self) -> None:
        if self._receive() > 0:
            self._deliver()

    def _receive(self) -> int:
        """Reads once; returns how many bytes arrived."""
        if self._socket is None:
            return 0
        try:
            data = self._socket.recv(_READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            data = b""
        if not data:
            while self._deliver_one():
                pass
            if self._socket is not None:
                self._end(None)
        self._in += data
        return len(data)

    def _deliver(self) -> None:
        """Delivers as many complete messages as there is time for; the others in the next turn of the loop."""
        self._scheduled = False
        until = self._loop.time() + _TURN_SECONDS
        while self._reading and self._deliver_one():
            if self._loop.time() >= until:
                self._watch(False)
                self._schedule()
                return
        if self._reading:
            self._watch(True)

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._deliver)

    def _watch(self, wanted: bool) -> None:
        if self._socket is None or wanted == self._watching:
            return
        self._watching = wanted
        if wanted:
            self._loop.add_reader(self._socket.fileno(), self._on_readable)
        else:
            self._loop.remove_reader(self._socket.fileno())

    def _deliver_one(self) -> bool:
        """Delivers the next complete message; returns whether there was one."""
        if self._socket is None or len(self._in) < 4:
            return False
        length = int.from_bytes(self._in[:4], "big")
        if length > MAX_MESSAGE_BYTES:
            self._end("it announced a message of %d bytes" % length)
            return False
        if len(self._in) < 4 + length:
            return False
        body = bytes(self._in[4 : 4 + length])
        del self._in[: 4 + length]
        message = _parse(body)
        if message is None:
            self._end("it sent a message that is not a JSON object")
            return False
        self._on_message(message)
        return True

    def _write(self) -> None:
        self._retry = None
        while self._out and self._socket is not None:
            data, fds = self._out[0]
            try:
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
                sent = self._socket.sendmsg([data[:_READ_BYTES]], rights, socket.MSG_NOSIGNAL)
            except (BlockingIOError, InterruptedError):
                self._loop.add_writer(self._socket.fileno(), self._write)
                return
            except OSError as error:
                if error.errno not in _PEER_ENDED:
                    self._try_again(error, bool(fds))
                    return
                for _, left in self._out:
                    _close_all(left)
                self._out.clear()
                break
            self._failing_since = None
            _close_all(fds)
            if sent == len(data):
                self._out.popleft()
            else:
                self._out[0] = (data[sent:], [])
        if self._socket is not None:
            self._loop.remove_writer(self._socket.fileno())

    def _try_again(self, error: OSError, whole_cell: bool) -> None:
        """The socket has room but the operating system refuses to send: no event reports when it accepts again."""
        if self._socket is None:
            return
        now = self._loop.time()
        if self._failing_since is None:
            self._failing_since = now
        if now - self._failing_since >= _GIVE_UP:
            what = errno.errorcode.get(error.errno or 0, "error %s" % error.errno)
            # Of the messages to a kernel, only a cell has descriptors, on its first bytes.
            consequence = "; the cell did not run" if whole_cell else ""
            self._end("the agent could not send to it for %g s (%s: %s)%s" % (_GIVE_UP, what, error.strerror, consequence))
            return
        self._loop.remove_writer(self._socket.fileno())
        self._retry = self._loop.call_later(_RETRY, self._write)

    def _end(self, reason: Optional[str]) -> None:
        self.close()
        self._on_end(reason)


def pair() -> Tuple[socket.socket, socket.socket]:
    """Two connected Unix stream sockets."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    for end in ends:
        try:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER_BYTES)
        except OSError:
            pass
    return ends


def _no_constant(name: str) -> Any:
    raise ValueError("not JSON: %s" % name)


_decoder = json.JSONDecoder(parse_constant=_no_constant)


def _parse(body: bytes) -> Optional[Dict[str, Any]]:
    try:
        value = _decoder.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _close_all(fds: List[int]) -> None:
    for fd in fds:
        try:
            os.close(fd)
        except OSError:
            pass
