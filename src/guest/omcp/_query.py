"""What `query_omop` and `run_sql` run in a sandbox: one statement over the sandbox's own connection, whose rows become a DataFrame."""

from __future__ import annotations

import datetime
import json
import time
from typing import Any, Dict, List, Tuple, Union

import psycopg

from . import _frames

_PREVIEW_ROWS = 20
# Characters of a value: a drug's name with form and strength fits.
_PREVIEW_CHARACTERS = 80

# A preview's cell: text, which keeps 64-bit ids and dates exact.
_Cell = Union[str, bool, None]


def run(request: Dict[str, Any], variables: Dict[str, Any]) -> Dict[str, Any]:
    """Runs a request of run_query.ts, and adds its DataFrame to the variables; returns what the tool reports."""
    preview: List[List[_Cell]] = []
    started = time.time()

    def show(rows: List[Tuple[Any, ...]]) -> None:
        preview.extend([_shown(value) for value in row] for row in rows[: _PREVIEW_ROWS - len(preview)])

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
        return {"ok": False, "sqlstate": error.sqlstate, "message": "%s\nHINT:  %s" % (error, error.hint)}
    except _frames.TooLarge as error:
        return {"ok": "too_large", "rows": error.rows, "memory_bytes": error.bytes}
    if request.get("into") is not None:
        frame.attrs.update(sql=request["shown_sql"], truncated=truncated, **_frames.timed(started))
        variables[request["into"]] = frame
    return {
        "ok": True,
        "rows": len(frame),
        "truncated": truncated,
        "names": list(frame.columns),
        "dtypes": [str(dtype) for dtype in frame.dtypes],
        "memory_bytes": size,
        "preview": _fitting(preview, request["preview_bytes"]),
    }


def _shown(value: Any) -> _Cell:
    if value is None or isinstance(value, bool):
        return value
    # A datetime is a date, too.
    if isinstance(value, datetime.date):
        return value.isoformat()
    text = str(value)
    rest = len(text) - _PREVIEW_CHARACTERS
    return text if rest <= 0 else "%s… (+%s characters)" % (text[:_PREVIEW_CHARACTERS], format(rest, ","))


def _fitting(preview: List[List[_Cell]], size: int) -> List[List[_Cell]]:
    """The first rows, as many as fit."""
    while preview and len(json.dumps(preview)) > size:
        preview.pop()
    return preview
