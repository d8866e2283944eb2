"""Rows of Postgres as a DataFrame of nullable columns, in bounded memory. `query_omop` uses it, too."""

from __future__ import annotations

import collections
import contextlib
import datetime
import itertools
import os
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from . import _kept

if TYPE_CHECKING:
    import pandas

# Nullable types only: float64, which a missing value would cause, cannot hold every 64-bit id.
_DTYPES = {"integer": "Int64", "bigint": "Int64", "numeric": "Float64", "text": "string", "boolean": "boolean"}
# PostgreSQL's types, by OID.
_KINDS = {
    16: "boolean", 18: "text", 19: "text", 20: "bigint", 21: "integer", 23: "integer", 25: "text", 700: "numeric", 701: "numeric",
    1042: "text", 1043: "text", 1082: "date", 1114: "timestamp", 1184: "timestamptz", 1700: "numeric",
}  # fmt: skip
# Types whose text numpy reads ten times faster than psycopg makes objects of it.
_AS_TEXT = ("date", "numeric")
# Columns of a result.
MAX_COLUMNS = 500
# Rows that are Python objects at a time.
_CHUNK_ROWS = 5_000
# Rows that the client library holds in addition.
_LIBRARY_ROWS = 500
# Bytes for the agent, the zygote and what the sandbox's other processes and sockets need.
_RESERVE_BYTES = 96 * 1024 * 1024


class TooLarge(MemoryError):
    """The result does not fit into the sandbox's memory. `rows`: how many had been read; `bytes`: what they take."""

    def __init__(self, rows: int, size: int) -> None:
        super().__init__(
            "The result does not fit into the sandbox's memory: its first %d rows take %d MiB. "
            "Name fewer columns, filter, aggregate, set a limit, or delete variables." % (rows, size >> 20)
        )
        self.rows = rows
        self.bytes = size


class Refused(ValueError):
    """There is no DataFrame of the result. `sqlstate`: as PostgreSQL would classify it; `hint`: what to do."""

    def __init__(self, sqlstate: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.hint = hint


class Result(NamedTuple):
    """Rows as a DataFrame, whether there were more, and the bytes that the DataFrame takes."""

    frame: "pandas.DataFrame"
    truncated: bool
    bytes: int


def column_of(values: Sequence[Any], kind: str) -> Any:
    """Converts some of a column's values, of which dates and numerics may be PostgreSQL's text, to a pandas array."""
    import numpy
    import pandas

    if kind in ("date", "timestamp"):
        try:
            # Seconds, not nanoseconds: a CDM may hold dates such as 2999-12-31 that nanoseconds cannot reach.
            return pandas.array(numpy.array(values, dtype="datetime64[s]" if kind == "date" else "datetime64[us]"))
        except ValueError as error:
            raise _unfit(error) from None
    if kind == "timestamptz":
        utc = [None if value is None else value.astimezone(datetime.timezone.utc).replace(tzinfo=None) for value in values]
        return pandas.Series(numpy.array(utc, dtype="datetime64[us]")).dt.tz_localize("UTC").array
    if kind == "object":
        # Not pandas.array(): it would infer a type from each chunk.
        array = numpy.empty(len(values), dtype=object)
        array[:] = values
        return array
    if kind == "numeric":
        numbers = numpy.array(values, dtype=float)
        return pandas.arrays.FloatingArray(numbers, numpy.isnan(numbers))
    return pandas.array(values, dtype=_DTYPES.get(kind, "string"))


def _different(names: Sequence[str]) -> List[str]:
    """Names of columns, each once: `count`, `count_2`."""
    found: Dict[str, None] = {}
    for name in names:
        unique, number = name, 1
        while unique in found:
            number += 1
            unique = "%s_%d" % (name, number)
        found[unique] = None
    return list(found)


def _described(cursor: Any, statement: str, parameters: Any) -> Tuple[List[str], List[str]]:
    """Names and kinds of a result's columns. psycopg has them only if there is a row."""
    found = [(column.name, column.type_code) for column in cursor.description or ()]
    if not found and not parameters:
        server = cursor.connection.pgconn
        server.prepare(b"", statement.encode())
        result = server.describe_prepared(b"")
        found = [(result.fname(at).decode(), result.ftype(at)) for at in range(result.nfields)]
    return _different([name for name, _ in found]), [_KINDS.get(oid, "object") for _, oid in found]


def _free_bytes(limit: int) -> int:
    """The memory that this process may still use: its control group is not visible here. The sandbox's files are in memory, too."""
    with open("/proc/self/statm") as statm:
        resident = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    files = sum((at.f_blocks - at.f_bfree) * at.f_frsize for at in map(os.statvfs, ("/workspace", "/tmp")))
    return limit - resident - files - _RESERVE_BYTES


class Columns:
    """A result's columns, which grow by chunks of rows."""

    def __init__(self, kinds: Sequence[str], memory_bytes: Optional[int]) -> None:
        self.kinds = kinds
        self.memory_bytes = memory_bytes
        self.chunks: List[List[Any]] = [[] for _ in kinds]
        self.sizes = [0 for _ in kinds]
        self.rows = 0

    def add(self, rows: List[Tuple[Any, ...]]) -> None:
        """Appends rows; raises TooLarge where a DataFrame of them would not fit."""
        import pandas

        for at, values in enumerate(zip(*rows)):
            chunk = column_of(values, self.kinds[at])
            self.chunks[at].append(chunk)
            self.sizes[at] += int(pandas.Series(chunk).memory_usage(index=False, deep=True))
        self.rows += len(rows)
        # The DataFrame is built column by column, so that only one of them is copied at a time.
        if self.memory_bytes is not None and _free_bytes(self.memory_bytes) < 2 * max(self.sizes, default=0):
            raise TooLarge(self.rows, sum(self.sizes))

    def frame(self, names: Sequence[str]) -> "pandas.DataFrame":
        """The DataFrame; each column's chunks go as soon as it is built."""
        import pandas

        series: Dict[str, Any] = {}
        for at, name in enumerate(names):
            chunks, self.chunks[at] = self.chunks[at] or [column_of([], self.kinds[at])], []
            series[name] = chunks[0] if len(chunks) == 1 else pandas.concat([pandas.Series(chunk) for chunk in chunks], ignore_index=True)
        return pandas.DataFrame(series, copy=False)


def timed(started: float) -> Dict[str, Any]:
    """When a query began, and the seconds since, for `attrs`."""
    moment = datetime.datetime.fromtimestamp(started, datetime.timezone.utc)
    return {"time": moment.isoformat(timespec="seconds"), "seconds": round(time.time() - started, 3)}


def _unfit(error: Exception) -> Refused:
    """For a value that the column's type lacks, such as the date infinity."""
    return Refused("22000", str(error)[:2000], "Cast that column to text.")


def _loads_text(cursor: Any) -> None:
    """Leaves as text the values that column_of reads as text, unless the session writes dates in another form than numpy reads."""
    from psycopg.types.string import TextLoader

    if (cursor.connection.info.parameter_status("DateStyle") or "").startswith("ISO"):
        for name in _AS_TEXT:
            cursor.adapters.register_loader(name, TextLoader)


def read(cursor: Any, statement: str, parameters: Any, **options: Any) -> Result:
    """Runs a statement over this sandbox's own connection; returns its first `limit` rows.

    `cursor`: one of psycopg's classes; the options are those of _read. Raises psycopg.Error, TooLarge and Refused.
    """
    import psycopg

    # The columns' names: known as soon as there is an answer.
    names: List[str] = []

    def use(connection: Any) -> Result:
        typed = options.get("columns") is not None
        # A typed query leaves the session as it was. What another statement sets, as by set_config(), ends with its transaction.
        within = contextlib.nullcontext() if typed else connection.transaction(force_rollback=True)
        with within, cursor(connection) as opened:
            if typed:
                # It has no arrays or records of them.
                _loads_text(opened)
            return _read(opened, statement, parameters, names, **options)

    try:
        return _kept.with_connection(use, answered=lambda: bool(names))
    except psycopg.Error as error:
        if error.sqlstate is None and isinstance(error, psycopg.ProgrammingError):
            if parameters and "produce a result" not in str(error):
                # psycopg has not sent it.
                raise Refused("42P02", str(error), "Give one parameter for each %s, and write the operator % as %%.") from None
            raise Refused("0A000", "the statement returns no rows", "Write one statement that returns rows, such as SELECT.") from None
        if error.sqlstate is None and isinstance(error, psycopg.DataError):
            raise _unfit(error) from None
        raise


def _read(
    cursor: Any,
    statement: str,
    parameters: Any,
    names: List[str],
    *,
    limit: int,
    memory_bytes: Optional[int] = None,
    columns: Optional[List[Dict[str, Any]]] = None,
    on_rows: Callable[[List[Tuple[Any, ...]]], object] = lambda _: None,
) -> Result:
    """`columns`: name and type of each; without them, what the database reports, each name once. `on_rows` gets the rows that are kept, in parts."""

    def begin() -> Columns:
        if columns is None:
            described, kinds = _described(cursor, statement, parameters)
        else:
            described, kinds = [column["name"] for column in columns], [column["type"] for column in columns]
        if len(described) > MAX_COLUMNS:
            message = "the result has %d columns: the maximum is %d" % (len(described), MAX_COLUMNS)
            raise Refused("54011", message, "Select fewer columns.")
        names.extend(described)
        return Columns(kinds, memory_bytes)

    streamed = cursor.stream(statement, parameters, **_by_chunks())
    with contextlib.closing(streamed):
        rows = itertools.islice(streamed, limit)
        # The cursor describes the columns once there is a row.
        pending = list(itertools.islice(rows, 1))
        found = begin()
        pending += itertools.islice(rows, _CHUNK_ROWS - 1)
        while pending:
            on_rows(pending)
            found.add(pending)
            pending = list(itertools.islice(rows, _CHUNK_ROWS))
        truncated = found.rows == limit and next(streamed, None) is not None
        if truncated and columns is not None:
            # A typed query's own limit ends it here. Another statement is cancelled.
            collections.deque(streamed, maxlen=0)
    return Result(found.frame(names), truncated, sum(found.sizes))


def _by_chunks() -> Dict[str, int]:
    """Rows that the client library takes at a time, if it can: one by one costs three times as much."""
    import psycopg

    return {"size": _LIBRARY_ROWS} if psycopg.pq.version() >= 170000 and psycopg.__version__ >= "3.2" else {}
