"""Rows of Postgres as a DataFrame of nullable columns, in bounded memory. Also `query_omop` uses it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, Tuple

if TYPE_CHECKING:
    import pandas

# Nullable types only: float64, which a missing value would cause, cannot hold every 64-bit id.
_DTYPES = {"integer": "Int64", "bigint": "Int64", "numeric": "Float64", "text": "string", "boolean": "boolean"}
# PostgreSQL's types, by OID.
_KINDS = {
    16: "boolean", 19: "text", 20: "bigint", 21: "integer", 23: "integer", 25: "text", 700: "numeric", 701: "numeric",
    1042: "text", 1043: "text", 1082: "date", 1114: "timestamp", 1700: "numeric",
}  # fmt: skip
# Rows that are Python objects at a time.
_CHUNK_ROWS = 5_000
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


def column_of(values: List[Any], kind: str) -> Any:
    """Converts some of a column's values to a pandas array."""
    import numpy
    import pandas

    if kind in ("date", "timestamp"):
        # Seconds, not nanoseconds: a CDM may hold dates such as 2999-12-31 that nanoseconds cannot reach.
        return pandas.array(numpy.array(values, dtype="datetime64[s]" if kind == "date" else "datetime64[us]"))
    if kind == "numeric":
        values = [None if value is None else float(value) for value in values]
    return pandas.array(values, dtype=_DTYPES.get(kind, "object"))


def kind_of(oid: int) -> str:
    """What a column of a PostgreSQL type becomes; other types stay Python objects."""
    return _KINDS.get(oid, "object")


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
        self.chunks = [[column_of([], kind)] for kind in kinds]
        self.sizes = [0 for _ in kinds]
        self.rows = 0

    def add(self, rows: List[Tuple[Any, ...]]) -> None:
        """Appends rows; raises TooLarge where a DataFrame of them would not fit."""
        import pandas

        for at, values in enumerate(zip(*rows)):
            chunk = column_of(list(values), self.kinds[at])
            self.chunks[at].append(chunk)
            self.sizes[at] += int(pandas.Series(chunk).memory_usage(index=False, deep=True))
        self.rows += len(rows)
        # The DataFrame is built column by column: at a time there is a copy of one.
        if self.memory_bytes is not None and _free_bytes(self.memory_bytes) < 2 * max(self.sizes, default=0):
            raise TooLarge(self.rows, sum(self.sizes))

    def frame(self, names: Sequence[str]) -> "pandas.DataFrame":
        """The DataFrame; each column's chunks go as soon as it is built."""
        import pandas

        series: Dict[int, Any] = {}
        for at in range(len(self.chunks)):
            chunks, self.chunks[at] = self.chunks[at], []
            series[at] = pandas.concat([pandas.Series(chunk) for chunk in chunks], ignore_index=True)
        frame = pandas.DataFrame(series, copy=False)
        # Afterwards: SQL may name two columns alike.
        frame.columns = pandas.Index(names, dtype=object)
        return frame


def read(
    cursor: Any,
    statement: str,
    parameters: Any,
    *,
    limit: int,
    memory_bytes: Optional[int] = None,
    columns: Optional[List[Dict[str, Any]]] = None,
    on_row: Callable[[Tuple[Any, ...]], object] = lambda _: None,
) -> Tuple["pandas.DataFrame", bool]:
    """Runs a statement; returns its first `limit` rows and whether there were more.

    `columns`: name and type of each; without them, what the database reports. `on_row` gets each row that is kept. Raises psycopg.Error and
    TooLarge.
    """
    names: List[str] = []
    found: Optional[Columns] = None

    def begin() -> Columns:
        described = cursor.description or ()
        names.extend(column["name"] for column in columns) if columns else names.extend(column.name for column in described)
        kinds = [column["type"] for column in columns] if columns else [kind_of(column.type_code) for column in described]
        return Columns(kinds, memory_bytes)

    pending: List[Tuple[Any, ...]] = []
    truncated = False
    for row in cursor.stream(statement, parameters):
        found = found or begin()
        if found.rows + len(pending) == limit:
            truncated = True
            break
        on_row(row)
        pending.append(row)
        if len(pending) == _CHUNK_ROWS:
            found.add(pending)
            pending = []
    found = found or begin()
    found.add(pending)
    return found.frame(names), truncated
