"""Runs one compiled query over the sandbox's own Postgres connection and stores the result as a DataFrame.

Runs as a silent execution: `user_ns` is the user's namespace, `display` shows a MIME bundle, `REQUEST` is the JSON
text of the request (see run_query.ts).
"""

import datetime
import json
import time

import psycopg
from omcp import _frames

MIME = "application/vnd.omcp.query+json"
PREVIEW_ROWS = 20
#: Characters of a value: a drug's name with form and strength fits.
PREVIEW_CHARACTERS = 80

#: Nullable types only: float64, which a missing value would cause, cannot hold every 64-bit id.
DTYPES = {"integer": "Int64", "bigint": "Int64", "numeric": "Float64", "text": "string", "boolean": "boolean"}

#: Columns of a result.
MAX_COLUMNS = 500
#: Types by their ids in pg_type; of every other type the values stay as psycopg returns them.
TYPES = {
    16: "boolean",
    20: "bigint",
    21: "integer",
    23: "integer",
    18: "text",
    19: "text",
    25: "text",
    1042: "text",
    1043: "text",
    700: "numeric",
    701: "numeric",
    1700: "numeric",
    1082: "date",
    1114: "timestamp",
    1184: "timestamptz",
}

#: Rows that are Python objects at a time.
CHUNK_ROWS = 5_000
#: Bytes for the agent, the zygote and what the sandbox's other processes and sockets need.
RESERVE_BYTES = 96 * 1024 * 1024


def column_of(values, kind):
    """Converts some of a column's values to a pandas array."""
    if kind in ("date", "timestamp"):
        # Seconds, not nanoseconds: a CDM may hold dates such as 2999-12-31 that nanoseconds cannot reach.
        return pandas.array(numpy.array(values, dtype="datetime64[s]" if kind == "date" else "datetime64[us]"))
    if kind == "timestamptz":
        utc = [None if value is None else value.astimezone(datetime.timezone.utc).replace(tzinfo=None) for value in values]
        return pandas.Series(numpy.array(utc, dtype="datetime64[us]")).dt.tz_localize("UTC").array
    if kind == "object":
        # Not pandas.array(): it would infer a type from each chunk.
        array = numpy.empty(len(values), dtype=object)
        array[:] = values
        return array
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


def different(names):
    """Names of columns, each once: `count`, `count_2`."""
    found = []
    for name in names:
        unique, number = name, 1
        while unique in found:
            number += 1
            unique = f"{name}_{number}"
        found.append(unique)
    return found


def fitting(preview, size):
    """The first rows, as many as fit."""
    while preview and len(json.dumps(preview)) > size:
        preview.pop()
    return preview


def described(request, cursor, empty):
    """Names and types of the columns: the request's, else those of the result, which psycopg has only if there is a row."""
    known = request.get("columns")
    if known is not None:
        return [column["name"] for column in known], [column["type"] for column in known]
    if empty:
        server = cursor.connection.pgconn
        server.prepare(b"", request["sql"].encode())
        result = server.describe_prepared(b"")
        found = [(result.fname(at).decode(), result.ftype(at)) for at in range(result.nfields)]
    else:
        found = [(column.name, column.type_code) for column in cursor.description]
    return different([name for name, _ in found]), [TYPES.get(code, "object") for _, code in found]


def refused(sqlstate, message, hint):
    """An answer in the form of the database's errors."""
    return {"ok": False, "sqlstate": sqlstate, "message": f"{message}\nHINT:  {hint}"}


def run(request):
    """Runs the request; returns what the tool reports."""
    preview, started = [], time.time()

    def show(row):
        if len(preview) < PREVIEW_ROWS:
            preview.append([shown(value) for value in row])

    try:
        with psycopg.connect(connect_timeout=15) as connection:
            with psycopg.RawCursor(connection) as cursor:
                frame, truncated = _frames.read(
                    cursor,
                    request["sql"],
                    request["parameters"],
                    limit=request["limit"],
                    memory_bytes=request.get("memory_bytes"),
                    columns=request["columns"],
                    on_row=show,
                )
    columns, names, kinds = None, [], []
    preview, truncated, started = [], False, time.time()
    try:
        with psycopg.connect(connect_timeout=15) as connection:
            with psycopg.RawCursor(connection) as cursor:
                pending = []
                for row in cursor.stream(request["sql"], request["parameters"]):
                    if columns is None:
                        names, kinds = described(request, cursor, empty=False)
                        if len(names) > MAX_COLUMNS:
                            return refused("54011", f"the result has {len(names):,} columns", "Select fewer columns.")
                        columns = Columns(kinds, request.get("memory_bytes"))
                    if columns.rows + len(pending) == request["limit"]:
                        # A typed query's own limit ends it after this row; another statement is cancelled.
                        truncated = True
                        break
                    if len(preview) < PREVIEW_ROWS:
                        preview.append([shown(value) for value in row])
                    pending.append(row)
                    if len(pending) == CHUNK_ROWS:
                        columns.add(pending)
                        pending = []
                if columns is None:
                    names, kinds = described(request, cursor, empty=True)
                    columns = Columns(kinds, request.get("memory_bytes"))
                columns.add(pending)
    except psycopg.Error as error:
        if error.sqlstate is None and isinstance(error, psycopg.ProgrammingError):
            return refused("0A000", "the statement returns no rows", "Write one statement that returns rows, such as SELECT.")
        if error.sqlstate is None and isinstance(error, psycopg.DataError):
            return refused("22000", str(error)[:2000], "Cast that column to text.")
        return {"ok": False, "sqlstate": error.sqlstate, "message": str(error)[:2000]}
    except _frames.TooLarge as error:
        return {"ok": "too_large", "rows": error.rows, "memory_bytes": error.bytes}
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
        "rows": len(frame),
        "truncated": truncated,
        "names": names,
        "dtypes": [str(dtype) for dtype in frame.dtypes],
        "memory_bytes": int(frame.memory_usage(deep=True).sum()),
        "preview": fitting(preview, request["preview_bytes"]),
    }


display({MIME: run(json.loads(REQUEST))})
