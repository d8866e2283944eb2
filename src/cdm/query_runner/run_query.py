"""Runs one compiled query over the sandbox's own Postgres connection and stores the result as a DataFrame.

Runs as a silent execution: `user_ns` is the user's namespace, `display` shows a MIME bundle, `REQUEST` is the JSON
text of the request (see run_query.ts).
"""

import datetime
import json
import os
import time

import numpy
import pandas
import psycopg

MIME = "application/vnd.omcp.query+json"
PREVIEW_ROWS = 20
#: Characters of a value: a drug's name with form and strength fits.
PREVIEW_CHARACTERS = 80

#: Nullable types only: float64, which a missing value would cause, cannot hold every 64-bit id.
DTYPES = {"integer": "Int64", "bigint": "Int64", "numeric": "Float64", "text": "string", "boolean": "boolean"}

#: Rows that are Python objects at a time.
CHUNK_ROWS = 5_000
#: Bytes for the agent, the zygote and what the sandbox's other processes and sockets need.
RESERVE_BYTES = 96 * 1024 * 1024


def column_of(values, kind):
    """Converts some of a column's values to a pandas array."""
    if kind in ("date", "timestamp"):
        # Seconds, not nanoseconds: a CDM may hold dates such as 2999-12-31 that nanoseconds cannot reach.
        return pandas.array(numpy.array(values, dtype="datetime64[s]" if kind == "date" else "datetime64[us]"))
    if kind == "numeric":
        values = [None if value is None else float(value) for value in values]
    return pandas.array(values, dtype=DTYPES.get(kind, "string"))


def free_bytes(limit):
    """The memory that this process may still use: its control group is not visible here. The sandbox's files are in memory, too."""
    with open("/proc/self/statm") as statm:
        resident = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    files = sum((at.f_blocks - at.f_bfree) * at.f_frsize for at in map(os.statvfs, ("/workspace", "/tmp")))
    return limit - resident - files - RESERVE_BYTES


class TooLarge(Exception):
    """The result does not fit into the sandbox's memory."""


class Columns:
    """A result's columns, which grow by chunks of rows."""

    def __init__(self, kinds, memory_bytes):
        self.kinds = kinds
        self.memory_bytes = memory_bytes
        self.chunks = [[column_of([], kind)] for kind in kinds]
        self.sizes = [0 for _ in kinds]
        self.rows = 0

    def add(self, rows):
        """Appends rows; raises TooLarge where a DataFrame of them would not fit."""
        for at, values in enumerate(zip(*rows)):
            chunk = column_of(list(values), self.kinds[at])
            self.chunks[at].append(chunk)
            self.sizes[at] += pandas.Series(chunk).memory_usage(index=False, deep=True)
        self.rows += len(rows)
        # The DataFrame is built column by column: at a time there is a copy of one.
        if self.memory_bytes is not None and free_bytes(self.memory_bytes) < 2 * max(self.sizes, default=0):
            raise TooLarge

    def frame(self, names):
        """The DataFrame; each column's chunks go as soon as it is built."""
        series = {}
        for at, name in enumerate(names):
            chunks, self.chunks[at] = self.chunks[at], []
            series[name] = pandas.concat([pandas.Series(chunk) for chunk in chunks], ignore_index=True)
        return pandas.DataFrame(series, copy=False)


def shown(value):
    """A preview's cell: text, which keeps 64-bit ids and dates exact."""
    if value is None:
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    text = str(value)
    rest = len(text) - PREVIEW_CHARACTERS
    return text if rest <= 0 else f"{text[:PREVIEW_CHARACTERS]}… (+{rest:,} characters)"


def run(request):
    """Runs the request; returns what the tool reports."""
    names = [column["name"] for column in request["columns"]]
    columns = Columns([column["type"] for column in request["columns"]], request.get("memory_bytes"))
    preview, truncated, started = [], False, time.time()
    try:
        with psycopg.connect(connect_timeout=15) as connection:
            with psycopg.RawCursor(connection) as cursor:
                pending = []
                for row in cursor.stream(request["sql"], request["parameters"]):
                    if columns.rows + len(pending) == request["limit"]:
                        # The statement's own limit ends it after this row.
                        truncated = True
                        break
                    if len(preview) < PREVIEW_ROWS:
                        preview.append([shown(value) for value in row])
                    pending.append(row)
                    if len(pending) == CHUNK_ROWS:
                        columns.add(pending)
                        pending = []
                columns.add(pending)
    except psycopg.Error as error:
        return {"ok": False, "sqlstate": error.sqlstate, "message": str(error)[:2000]}
    except TooLarge:
        return {"ok": "too_large", "rows": columns.rows, "memory_bytes": int(sum(columns.sizes))}
    frame = columns.frame(names)
    if request.get("into") is not None:
        frame.attrs.update(
            sql=request["shown_sql"],
            truncated=truncated,
            time=datetime.datetime.fromtimestamp(started, datetime.timezone.utc).isoformat(timespec="seconds"),
            seconds=round(time.time() - started, 3),
        )
        user_ns[request["into"]] = frame
    return {
        "ok": True,
        "rows": columns.rows,
        "truncated": truncated,
        "dtypes": [str(dtype) for dtype in frame.dtypes],
        "memory_bytes": int(frame.memory_usage(deep=True).sum()),
        "preview": preview,
    }


display({MIME: run(json.loads(REQUEST))})
