"""Writes cohorts.json: a small CDM, cohort definitions, and the rows that circe's SQL finds for each.

Reads what generate.ts prints. Needs duckcdm 0.4.7 and duckdb (pip install duckcdm duckdb), a port of circe and SqlRender, which no test
needs: run it only to write the file again.
"""

import json
import sys
from pathlib import Path
from typing import Any, Dict, List

import duckdb
from duckcdm.circe import build_cohort_query
from duckcdm.sqlrender import render, split_sql, translate

# What circe's SQL reads and the CDM in generate.ts lacks is null.
COLUMNS: Dict[str, str] = {
    "concept": "concept_id bigint, invalid_reason text",
    "concept_ancestor": "ancestor_concept_id bigint, descendant_concept_id bigint",
    "person": "person_id bigint, gender_concept_id bigint, year_of_birth int",
    "observation_period": "observation_period_id bigint, person_id bigint, observation_period_start_date date,"
    " observation_period_end_date date, period_type_concept_id bigint",
    "condition_occurrence": "condition_occurrence_id bigint, person_id bigint, condition_concept_id bigint, condition_start_date date,"
    " condition_end_date date, visit_occurrence_id bigint",
    "drug_exposure": "drug_exposure_id bigint, person_id bigint, drug_concept_id bigint, drug_exposure_start_date date,"
    " drug_exposure_end_date date, days_supply int, drug_source_concept_id bigint, visit_occurrence_id bigint, quantity numeric,"
    " refills int",
    "measurement": "measurement_id bigint, person_id bigint, measurement_concept_id bigint, measurement_date date,"
    " value_as_number numeric, unit_concept_id bigint, visit_occurrence_id bigint, value_as_concept_id bigint, range_low numeric,"
    " range_high numeric",
    "visit_occurrence": "visit_occurrence_id bigint, person_id bigint, visit_concept_id bigint, visit_start_date date,"
    " visit_end_date date",
    "death": "person_id bigint, death_date date, cause_concept_id bigint",
}
TARGET = "cohort (cohort_definition_id int, subject_id bigint, cohort_start_date date, cohort_end_date date)"


def database(tables: Dict[str, List[List[Any]]]) -> duckdb.DuckDBPyConnection:
    """The CDM in DuckDB."""
    connection = duckdb.connect()
    connection.execute(f"create table {TARGET}")
    for table, columns in COLUMNS.items():
        connection.execute(f"create table {table} ({columns})")
        width = len(columns.split(","))
        rows = [row + [None] * (width - len(row)) for row in tables[table]]
        connection.executemany(f"insert into {table} values ({', '.join('?' * width)})", rows)
    return connection


def found(connection: duckdb.DuckDBPyConnection, circe: Dict[str, Any]) -> List[List[Any]]:
    """What circe's SQL finds: person, start and end, sorted."""
    circe_sql = build_cohort_query(
        json.dumps(circe), cohort_id=1, cdm_schema="main", target_table="main.cohort", result_schema="main"
    )
    sql = translate(render(circe_sql), "duckdb")
    for statement in split_sql(sql):
        connection.execute(statement)
    return [
        [person, str(start), str(end)]
        for person, start, end in connection.execute(
            "select subject_id, cohort_start_date, cohort_end_date from cohort order by 1, 2"
        ).fetchall()
    ]


def main() -> None:
    """Writes the file beside this one."""
    given = json.load(sys.stdin)
    connection = database(given["tables"])
    cohorts = [{**one, "rows": found(connection, one["circe"])} for one in given["cohorts"]]
    tables = ",\n".join(f'"{name}": [\n{lines(rows)}\n]' for name, rows in given["tables"].items())
    path = Path(__file__).with_name("cohorts.json")
    path.write_text(f'{{\n"tables": {{\n{tables}\n}},\n"cohorts": [\n{lines(cohorts)}\n]\n}}\n')
    print(sum(1 for one in cohorts if one["rows"]), "of", len(cohorts), "cohorts have persons", file=sys.stderr)


def lines(rows: List[Any]) -> str:
    """A row in a line."""
    return ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)


if __name__ == "__main__":
    main()
