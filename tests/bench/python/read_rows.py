"""A cell: reads one query in several ways and prints the seconds of each as JSON. QUERY and ROUNDS precede it."""

from __future__ import annotations

import json
import time
from typing import Callable, Dict, List

import adbc_driver_postgresql.dbapi
import pandas
import psycopg

seconds: Dict[str, List[float]] = {}


def timed(name: str, action: Callable[[], object]) -> object:
    start = time.perf_counter()
    value = action()
    seconds.setdefault(name, []).append(time.perf_counter() - start)
    return value


def check(rows: int) -> None:
    if rows != 100_000:
        raise AssertionError("received %d rows" % rows)


def by_copy(connection: psycopg.Connection) -> int:
    with connection.cursor() as cursor, cursor.copy("COPY (%s) TO STDOUT (FORMAT binary)" % QUERY) as copy:
        return sum(len(chunk) for chunk in copy)


def by_fetchall(connection: psycopg.Connection) -> pandas.DataFrame:
    with connection.cursor() as cursor:
        rows = cursor.execute(QUERY).fetchall()
        return pandas.DataFrame(rows, columns=[column.name for column in cursor.description])


adbc = timed("adbc_connect", lambda: adbc_driver_postgresql.dbapi.connect("postgresql://"))
plain = timed("psycopg_connect", lambda: psycopg.connect(autocommit=True))
for _ in range(ROUNDS):
    with adbc.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchall()
        table = timed("adbc_arrow", lambda: (cursor.execute(QUERY), cursor.fetch_arrow_table())[1])
    frame = timed("to_pandas", table.to_pandas)
    check(len(frame))
    timed("copy", lambda: by_copy(plain))
    frame = timed("fetchall", lambda: by_fetchall(plain))
    check(len(frame))
adbc.close()
plain.close()
print(json.dumps(seconds))
