"""The tools as functions. pandas and psycopg are imported by the first function that needs them."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Optional, Sequence, Union

from . import _frames
from ._calls import OmcpError, reaches_database, request, warn

if TYPE_CHECKING:
    import pandas

_SQL_ROWS = 1_000_000
_CONCEPT_COLUMNS = ["concept_id", "concept_name", "domain_id", "vocabulary_id", "concept_class_id", "standard_concept", "concept_code", "invalid_reason"]  # fmt: skip
_USE_COLUMNS = ["records", "persons", "table"]
_ConceptItems = Iterable[Union[int, Dict[str, Any]]]


def concepts(
    text: Optional[str] = None,
    *,
    code: Optional[str] = None,
    domain: Optional[str] = None,
    vocabulary: Optional[str] = None,
    concept_class: Optional[str] = None,
    standard_only: bool = True,
    limit: int = 10,
) -> "pandas.DataFrame":
    """Finds concepts by words or by code, as the tool search_concepts does; the best first.

        omcp.concepts("heart attack", domain="Condition")
        omcp.concepts(code="E11.9")

    Columns: those of the table concept, then why it is a hit (`match`, `matched`), `descendants` (at most 1,001), `records` and `persons` in the
    column of the CDM (`table`) that has most of it, and `maps_to`, the standard concepts of one that is not standard.
    """
    answer = request("search_concepts", dict(
        text=text, code=code, domain=domain, vocabulary=vocabulary, concept_class=concept_class, standard_only=standard_only, limit=limit,
    ))  # fmt: skip
    hits = [{**hit, "maps_to": [target["concept_id"] for target in hit["maps_to"]]} for hit in answer["hits"]]
    frame = _table(hits, _CONCEPT_COLUMNS + ["match", "matched", "descendants"] + _USE_COLUMNS + ["maps_to"])
    return _noted(frame, answer, total=answer["total"], truncated=answer["more"] or answer["total"] > len(hits))


def concept(concept_id: int, *, limit: int = 20) -> Dict[str, Any]:
    """A concept with its synonyms, relationships, ancestors and descendants by level, as the tool get_concept does: a dict."""
    return request("get_concept", {"concept_id": concept_id, "limit": limit})


def concept_set(items: _ConceptItems, *, limit: int = 500) -> "pandas.DataFrame":
    """Resolves a concept set as the tool expand_concept_set does; an item that is an id alone includes its descendants.

        omcp.concept_set([201826, {"concept_id": 4214956, "include_descendants": True, "exclude": True}])

    Members with records come first. `attrs["total"]` is the number of all members, `attrs["hash"]` identifies the definition.
    """
    answer = request("expand_concept_set", {"items": [_item(each) for each in items], "limit": limit})
    frame = _table(answer["members"], _CONCEPT_COLUMNS + _USE_COLUMNS)
    total = answer["total"]
    return _noted(frame, answer, hash=answer["hash"], fingerprint=answer["fingerprint"], total=total, truncated=total > len(frame))


def measurements(text: str, *, limit: int = 20) -> "pandas.DataFrame":
    """The concepts under which this CDM has numbers, with their units and ranges, as the tool find_measurement does.

    omcp.measurements("hemoglobin a1c")
    """
    answer = request("find_measurement", {"text": text, "limit": limit})
    columns = ["concept_id", "concept_name", "table", "unit_concept_id", "unit", "records", "persons", "numbers", "coded", "min", "p5", "median", "p95", "max"]  # fmt: skip
    return _noted(_table(answer["rows"], columns), answer, total=answer["total"], truncated=answer["total"] > len(answer["rows"]))


def query(table: str, **arguments: Any) -> "pandas.DataFrame":
    """A typed query, with the arguments of the tool query_omop: columns, filters, per_person, persons, group_by, aggregates, order_by, limit ….

        omcp.query("person", group_by=["gender_concept_id"], aggregates=[{"fn": "count_persons"}], concept_name=True)

    The rows come over this sandbox's own connection. In aggregate mode, the numbers are released ones, and the column `mark` has "~" for
    numbers that were computed from earlier answers. `attrs["understood"]` says what the query means, `attrs["sql"]` how it was run.
    """
    _refuse_dict(table, "the name of a table", 'query("person", filters=[…])', "query(**query)")
    given = {**arguments, "table": table}
    answer = request("query_omop", given)
    if "sql" not in answer:
        import pandas

        frame = pandas.DataFrame(answer["rows"], columns=answer["columns"])
        frame["mark"] = ["~" if derived else "" for derived in answer["derived"]]
        return _noted(frame, answer, understood=answer["understood"], warned=[], truncated=answer["left"] > 0, left=answer["left"])
    frame, truncated, seconds = _rows(answer)
    empty = not truncated and _is_empty(frame)
    if empty or given.get("as_cohort") is not None:
        # The server holds the persons only of a query that could be run.
        further = request("query_omop", given, ran=True, empty=empty)["notes"]
        answer["notes"] = further if empty else answer["notes"] + further
    if truncated:
        answer["notes"].append("There are more than %d rows: raise limit, filter or aggregate." % answer["limit"])
    return _noted(frame, answer, sql=answer["shown_sql"], understood=answer["understood"], truncated=truncated, **seconds)


def sql(statement: str, parameters: Optional[Sequence[Any]] = None, *, limit: int = _SQL_ROWS) -> "pandas.DataFrame":
    """Any read-only SQL statement on the CDM, over this sandbox's own connection; `%s` in it takes the parameters.

        omcp.sql("select person_id, year_of_birth from person where year_of_birth > %s", [1950])

    Tables need no schema. At most `limit` rows are kept; `attrs["truncated"]` says whether there were more.
    """
    if not reaches_database():
        raise OmcpError(
            "database_refused",
            "Code in this sandbox cannot send SQL to the database: its rows must stay there.",
            next="Use omcp.query with group_by and aggregates.",
        )
    import psycopg

    started = time.time()
    # Without parameters the text is the server's, in which % is an operator.
    frame, truncated, _ = _run(psycopg.Cursor if parameters else psycopg.RawCursor, statement, parameters, limit=limit)
    # The server looks for mistakes that PostgreSQL does not report.
    try:
        answer = request("run_sql", {"sql": statement}, ran=True, empty=_is_empty(frame))
    except OmcpError:
        # A check of the statement that fails must not cost the rows, which are there.
        answer = {"notes": []}
    if truncated:
        answer["notes"].append("There are more than %d rows: raise limit or aggregate." % limit)
    return _noted(frame, answer, sql=statement, truncated=truncated, **_frames.timed(started))


def cohort(name: str, **definition: Any) -> "pandas.DataFrame":
    """Defines a cohort with the arguments of the tool define_cohort, or reads one of that name; returns its periods.

        omcp.cohort("diabetics", entry=[{"table": "condition_occurrence", "concepts": [{"concept_id": 201826, "include_descendants": True}]}])

    Columns: person_id, cohort_start_date, cohort_end_date. `attrs["attrition"]` has the persons left after each condition; where rows must not
    leave the database, the DataFrame is that attrition. The server holds the
    definition: omcp.query(…, persons={"with": [{"cohort": "diabetics"}]}), omcp.analyze and the tools take the name.
    """
    _refuse_dict(name, "the cohort's name", 'cohort("diabetics", entry=[…])', "cohort(**definition)")
    defined = request("define_cohort", {**definition, "name": name})
    if not reaches_database():
        return _noted(_table(defined["attrition"], ["step", "persons", "mark"]), defined, understood=defined["understood"])
    given = {"table": "cohort", "cohort": name, "limit": _SQL_ROWS}
    answer = request("query_omop", given)
    frame, truncated, seconds = _rows(answer)
    answer["notes"] = defined["notes"]
    return _noted(
        frame, answer, sql=answer["shown_sql"], understood=defined["understood"], attrition=defined["attrition"], truncated=truncated, **seconds
    )


def analyze(analysis: str, **arguments: Any) -> "pandas.DataFrame":
    """An analysis with the arguments of the tool analyze_cohort: characterize, table_one, prevalence, incidence_rate or survival.

    omcp.analyze("incidence_rate", cohort="diabetics", outcome={"cohort": "bleeds"})
    """
    _refuse_dict(analysis, "the analysis", 'analyze("survival", outcome={…})', "analyze(**analysis)")
    import pandas

    answer = request("analyze_cohort", {**arguments, "analysis": analysis})
    frame = pandas.DataFrame(answer["rows"], columns=answer["columns"])
    # Its other notes describe the numbers, as those in a tool's answer.
    return _noted(frame, answer, warned=[note for note in answer["notes"] if note.startswith(("Warning", "["))], understood=answer["understood"])


def _refuse_dict(first: Any, what: str, call: str, of_dict: str) -> None:
    """A dict with all arguments is what the tools take; a function takes them by name."""
    if isinstance(first, dict):
        message = "The first argument of omcp.%s is %s, not a dict." % (call.partition("(")[0], what)
        raise OmcpError("invalid_argument", message, "Nothing was done.", "Write omcp.%s; for all arguments in a dict, omcp.%s." % (call, of_dict))


def _item(item: Union[int, Dict[str, Any]]) -> Dict[str, Any]:
    return item if isinstance(item, dict) else {"concept_id": item, "include_descendants": True}


def _rows(answer: Dict[str, Any]) -> Any:
    """Runs the SQL of an answer: a DataFrame, whether there were more rows, and the time."""
    import psycopg

    started = time.time()
    frame, truncated, _ = _run(
        psycopg.RawCursor, answer["sql"], answer["parameters"], limit=answer["limit"], memory_bytes=answer["memory_bytes"], columns=answer["columns"]
    )
    return frame, truncated, _frames.timed(started)


def _run(cursor: Any, statement: str, parameters: Any, **options: Any) -> Any:
    import psycopg

    try:
        return _frames.read(cursor, statement, parameters, **options)
    except _frames.Refused as error:
        raise OmcpError("database_refused", str(error), next=error.hint) from None
    except psycopg.Error as error:
        code = "database_refused" if error.sqlstate else "database_unavailable"
        message, _, hint = str(error).strip().partition("\nHINT:  ")
        message = re.sub(r"\nLINE (\d+): (.*)(\n *\^)?", r" (line \1: \2)", message)
        # psycopg's error says the same.
        raise OmcpError(
            code, message, next=hint or "Correct what the message names.", details={"sqlstate": error.sqlstate}, retryable=not error.sqlstate
        ) from None


def _is_empty(frame: "pandas.DataFrame") -> bool:
    """Whether there are no rows, or one that counts none."""
    return len(frame) == 0 or len(frame) == 1 and bool((frame.isna() | (frame == 0)).all(axis=None))


def _table(rows: List[Dict[str, Any]], columns: List[str]) -> "pandas.DataFrame":
    import pandas

    return pandas.DataFrame(rows, columns=columns).convert_dtypes()


def _noted(frame: "pandas.DataFrame", answer: Dict[str, Any], warned: Optional[List[str]] = None, **attributes: Any) -> "pandas.DataFrame":
    """Adds what a reader must know. Called by a function that the user's code calls. `warned`: the notes that are warnings, too; default: all."""
    notes = list(answer["notes"])
    frame.attrs.update(attributes, notes=notes)
    warn(notes if warned is None else warned, 3)
    return frame
