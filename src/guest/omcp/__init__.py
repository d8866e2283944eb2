"""The OMOP CDM from Python: what the server's tools do, without sending data through the model.

    import omcp

    hits = omcp.concepts("type 2 diabetes")           # search_concepts, as a DataFrame
    people = omcp.query(                               # query_omop, as a DataFrame
        "condition_occurrence",
        columns=["person_id", "condition_start_date", "age_at(condition_start_date) as age"],
        filters=[{"column": "condition_concept_id", "op": "in_concept_set",
                  "value": {"items": [{"concept_id": 201826, "include_descendants": True}]}}],
        per_person="first",
    )
    rows = omcp.sql("select count(*) from person")     # any read-only SQL, as a DataFrame

    omcp.concepts, concept, concept_set                # find concepts; what one is; the members of a set
    omcp.query, sql                                    # rows of one table; any SELECT
    omcp.cohort, analyze                               # define or read a cohort; analyse it
    omcp.measurements                                  # concepts that have numbers, with units and ranges
    omcp.call                                          # any other tool that reads

All are below. Functions take the arguments of the tool that they name. DataFrames have `attrs`: the SQL, what was understood, notes,
whether rows were left out. A note that changes what a result means is also a warning (`omcp.OmcpWarning`). What goes wrong raises
`omcp.OmcpError`, whose `code`, `message`, `state`, `next` and `details` are those of the tools; a result that does not fit into memory raises
`omcp.TooLarge`. Never guess a concept id: `omcp.concepts` finds it.

Where rows must not leave the database, `omcp.query` returns numbers on groups of persons, and `omcp.sql` raises.
"""

from __future__ import annotations

from ._calls import OmcpError as OmcpError
from ._calls import OmcpWarning as OmcpWarning
from ._calls import call
from ._frames import TooLarge as TooLarge
from ._tools import analyze, cohort, concept, concept_set, concepts, measurements, query, sql

# Tracebacks show this module's name.
for _class in (OmcpError, OmcpWarning, TooLarge):
    _class.__module__ = __name__

# Functions only: `help(omcp)` would put 200 lines on what exceptions inherit before them.
__all__ = [
    "analyze",
    "call",
    "cohort",
    "concept",
    "concept_set",
    "concepts",
    "measurements",
    "query",
    "sql",
]
