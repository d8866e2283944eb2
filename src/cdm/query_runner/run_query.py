"""Runs one compiled query over the sandbox's own Postgres connection and stores the result as a DataFrame.

Runs as a silent execution: `user_ns` is the user's namespace, `display` shows a MIME bundle, `REQUEST` is the JSON
text of the request (see run_query.ts).
"""

import datetime
import json

import pandas
import psycopg

MIME = "application/vnd.omcp.query+json"
PREVIEW_ROWS = 20
#: Characters of a value: a drug's name with form and strength fits.
PREVIEW_CHARACTERS = 80

#: Nullable types only: float64, which a missing value would cause, cannot hold every 64-bit id.
DTYPES = {"integer": "Int64", "bigint": "Int64", "numeric": "Float64", "text": "string", "boolean": "boolean"}


def column_of(values, kind):
    """Converts a result's values to a DataFrame column."""
    if kind in ("date", "timestamp"):
        # Seconds, not nanoseconds: a CDM may hold dates such as 2999-12-31 that nanoseconds cannot reach.
        stamps = [None if value is None else pandas.Timestamp(value).as_unit("s" if kind == "date" else "us") for value in values]
        unit = "datetime64[s]" if kind == "date" else "datetime64[us]"
        return pandas.Series(stamps, dtype=unit)
    if kind == "numeric":
        values = [None if value is None else float(value) for value in values]
    return pandas.Series(pandas.array(values, dtype=DTYPES.get(kind, "string")))


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
    kinds = [column["type"] for column in request["columns"]]
    names = [column["name"] for column in request["columns"]]
    try:
        with psycopg.connect(connect_timeout=15) as connection, psycopg.RawCursor(connection) as cursor:
            cursor.execute(request["sql"], request["parameters"])
            rows = cursor.fetchmany(request["limit"])
            truncated = cursor.fetchone() is not None
    except psycopg.Error as error:
        return {"ok": False, "sqlstate": error.sqlstate, "message": str(error)[:2000]}
    columns = list(zip(*rows)) if rows else [() for _ in names]
    frame = pandas.DataFrame({name: column_of(list(values), kind) for name, values, kind in zip(names, columns, kinds)})
    user_ns[request["into"]] = frame
    return {
        "ok": True,
        "rows": len(rows),
        "truncated": truncated,
        "dtypes": [str(dtype) for dtype in frame.dtypes],
        "memory_bytes": int(frame.memory_usage(deep=True).sum()),
        "preview": [[shown(value) for value in row] for row in rows[:PREVIEW_ROWS]],
    }


display({MIME: run(json.loads(REQUEST))})
