"""A cell: reads one query in several ways and prints the seconds of each as JSON. QUERY and COUNT precede it."""

from __future__ import annotations

import json
import time
from typing import Callable, Dict

import adbc_driver_postgresql.dbapi
import pandas
import psycopg
import sqlalchemy

seconds: Dict[str, float] = {}


def timed(name: str, action: Callable[[], object]) -> object:
    start = time.perf_counter()
    value = action()
    seconds[name] = time.perf_counter() - start
    return value


def check(frame: pandas.DataFrame) -> None:
    if frame.shape != (COUNT, 6):
        raise AssertionError("received %d rows of %d columns" % frame.shape)


def by_copy(connection: psycopg.Connection) -> int:
    with connection.cursor() as cursor, cursor.copy("COPY (%s) TO STDOUT (FORMAT binary)" % QUERY) as copy:
        return sum(len(chunk) for chunk in copy)


def by_fetchall(connection: psycopg.Connection) -> pandas.DataFrame:
    with connection.cursor() as cursor:
        rows = cursor.execute(QUERY).fetchall()
        return pandas.DataFrame(rows, columns=[column.name for column in cursor.description])


# A result is forgotten before the next way: all at once would fill the memory.
adbc = timed("adbc_connect", lambda: adbc_driver_postgresql.dbapi.connect("postgresql://"))
with adbc.cursor() as cursor:
    cursor.execute("SELECT 1")
    cursor.fetchall()
    table = timed("adbc_arrow", lambda: (cursor.execute(QUERY), cursor.fetch_arrow_table())[1])
check(timed("to_pandas", table.to_pandas))
del table
adbc.close()
plain = timed("psycopg_connect", lambda: psycopg.connect(autocommit=True))
timed("copy", lambda: by_copy(plain))
check(timed("fetchall", lambda: by_fetchall(plain)))
plain.close()
with sqlalchemy.create_engine("postgresql+psycopg://").connect() as connection:
    check(timed("read_sql", lambda: pandas.read_sql(sqlalchemy.text(QUERY.replace(":", "\\:")), connection)))
print(json.dumps(seconds))
