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


def fitting(preview, size):
    """The first rows, as many as fit."""
    while preview and len(json.dumps(preview)) > size:
        preview.pop()
    return preview


def run(request):
    """Runs the request; returns what the tool reports."""
    preview, started = [], time.time()

    def show(rows):
        preview.extend([shown(value) for value in row] for row in rows[: PREVIEW_ROWS - len(preview)])

    try:
        frame, truncated, size = _frames.read(
            psycopg.RawCursor,
            request["sql"],
            request["parameters"],
            limit=request["limit"],
            memory_bytes=request.get("memory_bytes"),
            columns=request.get("columns"),
            on_rows=show,
        )
    except psycopg.Error as error:
        return {"ok": False, "sqlstate": error.sqlstate, "message": str(error)[:2000]}
    except _frames.Refused as error:
        # In the form of the database's errors.
        return {"ok": False, "sqlstate": error.sqlstate, "message": f"{error}\nHINT:  {error.hint}"}
    except _frames.TooLarge as error:
        return {"ok": "too_large", "rows": error.rows, "memory_bytes": error.bytes}
    if request.get("into") is not None:
        frame.attrs.update(sql=request["shown_sql"], truncated=truncated, **_frames.timed(started))
        user_ns[request["into"]] = frame
    return {
        "ok": True,
        "rows": len(frame),
        "truncated": truncated,
        "names": list(frame.columns),
        "dtypes": [str(dtype) for dtype in frame.dtypes],
        "memory_bytes": size,
        "preview": fitting(preview, request["preview_bytes"]),
    }


display({MIME: run(json.loads(REQUEST))})
