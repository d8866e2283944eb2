"""The database connection that queries keep: a new one costs some round trips and a session that has read no catalog yet.

It serves typed queries, which change nothing of their session, and other SQL in transactions that are rolled back, with what they set.
The server knows the connection by its application_name. It ends it soon after its last use, and at once if another connection needs its
permit. So each use may find it ended.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Callable, Dict, List, NamedTuple, Optional, Tuple, TypeVar

if TYPE_CHECKING:
    from psycopg import Connection

_Result = TypeVar("_Result")
# As in src/postgres/broker/kept.ts.
_NAME = "omcp kept"
# How a statement fails on a connection that had ended before it.
_ENDED = (None, "08006", "57P01", "57P05")


class _Kept(NamedTuple):
    connection: "Connection"
    # What it was opened with: the environment's settings of libpq.
    settings: Dict[str, str]
    # Its socket: user code may have closed the descriptor, and its number may be that of another file now.
    socket: Tuple[int, int]


_lock = threading.Lock()
# The one that is idle; a thread that uses it takes it out.
_idle: Optional[_Kept] = None
# Connections whose descriptor is not theirs. Closing one, or freeing it, would write into another file or end the parent's session.
_lost: List[_Kept] = []


def with_connection(use: Callable[["Connection"], _Result], *, answered: Callable[[], bool]) -> _Result:
    """Calls `use` with a connection in autocommit mode; once more, with a new one, if the kept one ended before it had answered."""
    import psycopg

    settings = {name: value for name, value in os.environ.items() if name.startswith("PG")}
    kept = _take(settings)
    if kept is not None:
        try:
            return _used(kept, use)
        except psycopg.OperationalError as error:
            if error.sqlstate not in _ENDED or answered():
                raise
    connection = psycopg.connect(connect_timeout=15, autocommit=True, prepare_threshold=None, application_name=_NAME)
    return _used(_Kept(connection, settings, _socket(connection.fileno())), use)


def _used(kept: _Kept, use: Callable[["Connection"], _Result]) -> _Result:
    global _idle

    connection, idle = kept.connection, False
    try:
        result = use(connection)
        # Else the statement has been left before its end.
        idle = connection.info.transaction_status.name == "IDLE"
        return result
    finally:
        with _lock:
            stays = idle and _idle is None
            if stays:
                _idle = kept
        if not stays:
            connection.close()


def _take(settings: Dict[str, str]) -> Optional[_Kept]:
    """The kept connection, if it works and a new one would have the same settings. Nobody else gets it until it is put back."""
    global _idle

    with _lock:
        kept, _idle = _idle, None
    if kept is None or kept.connection.closed:
        return None
    if not _has_socket(kept):
        _lost.append(kept)
        return None
    if kept.settings != settings:
        kept.connection.close()
        return None
    return kept


def _has_socket(kept: _Kept) -> bool:
    """Whether the descriptor of a connection that is not closed is still its own."""
    return _socket(kept.connection.fileno()) == kept.socket


def _socket(descriptor: int) -> Tuple[int, int]:
    try:
        status = os.fstat(descriptor)
    except OSError:
        return (-1, -1)
    return (status.st_dev, status.st_ino)


def _forget() -> None:
    """In a forked process: the connection is its parent's."""
    global _idle, _lock

    _lock = threading.Lock()
    kept, _idle = _idle, None
    if kept is not None:
        _lost.append(kept)
        if not kept.connection.closed and _has_socket(kept):
            os.close(kept.connection.fileno())


os.register_at_fork(after_in_child=_forget)
