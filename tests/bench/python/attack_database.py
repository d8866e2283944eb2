"""Attacks of a sandbox on the database that slow others. Defines attack(name, seconds), which runs one of ATTACKS."""

from __future__ import annotations

import threading
import time
from typing import Callable, Dict

import psycopg

THREADS = 4
CURSORS = 16
CROSS = "SELECT count(*) FROM person a, person b, person c"


def long_texts(connection: "psycopg.Connection[tuple[object, ...]]") -> None:
    numbers = ", ".join(str(number) for number in range(9_000))
    connection.execute("SELECT 1" + " " * 200_000 + ", 2")
    connection.execute("SELECT count(*) FROM person WHERE person_id IN (" + numbers + ")")


def refusals(connection: "psycopg.Connection[tuple[object, ...]]") -> None:
    statement = b"DELETE FROM person WHERE person_id = 1;" + b" " * 2_000
    for _ in range(50):
        connection.pgconn.exec_(statement)


def cursors(connection: "psycopg.Connection[tuple[object, ...]]") -> None:
    """Opens as many cursors as a connection may have, each with a sort that the server keeps."""
    connection.execute("BEGIN")
    for number in range(CURSORS):
        connection.execute("DECLARE c%d CURSOR FOR SELECT * FROM person ORDER BY person_source_value" % number)
        connection.execute("FETCH 1 FROM c%d" % number)
    connection.execute("ROLLBACK")


def big_results(connection: "psycopg.Connection[tuple[object, ...]]") -> None:
    with connection.cursor().copy("COPY (SELECT repeat('x', 1000), generate_series(1, 5000)) TO STDOUT") as copy:
        for _ in copy:
            pass


def cancels(connection: "psycopg.Connection[tuple[object, ...]]") -> None:
    ended = threading.Event()

    def cancel() -> None:
        # Repeated, because a cancel that arrives before its statement has no effect.
        while not ended.wait(0.05):
            connection.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        connection.execute(CROSS)
    except psycopg.errors.QueryCanceled:
        pass
    finally:
        ended.set()
        thread.join()


def costs(connection: "psycopg.Connection[tuple[object, ...]]") -> None:
    try:
        connection.execute("SELECT 1 FROM " + ", ".join("measurement m%d" % number for number in range(12)))
    except psycopg.Error:
        pass


def connects(_: "psycopg.Connection[tuple[object, ...]]") -> None:
    for _number in range(10):
        try:
            psycopg.connect().close()
        except psycopg.OperationalError:
            # Closed connections may still count towards the limit: a refusal is an attempt, too.
            pass


ATTACKS: Dict[str, Callable[["psycopg.Connection[tuple[object, ...]]"], None]] = {
    "long texts": long_texts,
    "refusals": refusals,
    "cursors": cursors,
    "big results": big_results,
    "cancels": cancels,
    "costly joins": costs,
    "connects": connects,
}


def attack(name: str, seconds: float) -> int:
    """Returns the number of completed attacks."""
    until = time.monotonic() + seconds
    made = [0] * THREADS

    def work(at: int) -> None:
        with psycopg.connect(autocommit=True) as connection:
            while time.monotonic() < until:
                ATTACKS[name](connection)
                made[at] += 1

    threads = [threading.Thread(target=work, args=(at,)) for at in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(made)
