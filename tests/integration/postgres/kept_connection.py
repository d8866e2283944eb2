"""What code in a sandbox does to the connection that queries keep: functions that a cell calls."""

import _thread
import contextlib
import os
import threading

import omcp
import psycopg
from omcp import _frames, _kept

COUNT = "select count(*) as n from person"
FOREVER = "select count(*) as n from generate_series(1, 100000000000)"


def typed(sql, kind="bigint"):
    """Runs a statement as a typed query."""
    frame, _, _ = _frames.read(psycopg.RawCursor, sql, [], limit=10, columns=[{"name": "n", "type": kind}])
    return frame["n"].iloc[0]


def in_child():
    typed(COUNT)
    parents = _kept._idle.connection.info.backend_pid
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            count = int(typed(COUNT))
            os.write(writing, repr((count, _kept._idle.connection.info.backend_pid == parents)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as answer:
        return answer.read()


def in_threads():
    found = []
    threads = [threading.Thread(target=lambda: found.append(int(typed(COUNT)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def fails():
    try:
        typed("select 1 / 0 as n")
    except psycopg.Error as error:
        return type(error).__name__


def is_interrupted():
    typed(COUNT)

    def interrupt():
        while _kept._idle is not None:
            pass
        _thread.interrupt_main()

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        typed(FOREVER)
    except KeyboardInterrupt:
        return "KeyboardInterrupt"
    finally:
        thread.join()


@contextlib.contextmanager
def lost_descriptor():
    """The kept connection's descriptor, which code has closed and made one of a file of its own; and that file."""
    typed(COUNT)
    descriptor = _kept._idle.connection.fileno()
    os.close(descriptor)
    with open("/tmp/own", "w+b", buffering=0) as own:
        os.dup2(own.fileno(), descriptor)
        yield descriptor, own


def loses_descriptor():
    with lost_descriptor() as (descriptor, own):
        count = int(typed(COUNT))
        own.seek(0)
        return os.path.sameopenfile(descriptor, own.fileno()), count, own.read()


def loses_descriptor_in_child():
    """The same in a forked process, which closes the connection of its parent."""
    with lost_descriptor() as (descriptor, own):
        child = os.fork()
        if child == 0:
            status = 2
            try:
                status = 0 if os.path.sameopenfile(descriptor, own.fileno()) else 1
            finally:
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), int(typed(COUNT))


def with_options():
    found = []
    for zone in ("UTC", "Asia/Tokyo", "UTC"):
        os.environ["PGTZ"] = zone
        found.append(str(typed("select current_setting('timezone') as n", "text")))
    del os.environ["PGTZ"]
    return found


def reads_dates():
    found = []
    for style in ("ISO", "German"):
        os.environ["PGDATESTYLE"] = style
        found.append(str(typed("select date '2020-12-31' as n", "date")))
        found.append(float(typed("select 0.1 as n", "numeric")))
    del os.environ["PGDATESTYLE"]
    found.append(str(typed("select date '10000-01-01' as n", "date")))
    for value in ("infinity", "0044-03-15 BC"):
        try:
            typed("select date '%s' as n" % value, "date")
        except _frames.Refused as error:
            found.append(error.hint)
    return found


def opens_all():
    """As many connections as a sandbox may have."""
    connections = [psycopg.connect() for _ in range(8)]
    for connection in connections:
        connection.close()
    return len(connections)
