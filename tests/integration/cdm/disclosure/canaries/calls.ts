/** Calls of every tool of aggregate mode: valid ones, wrong ones, and those of somebody who looks for the canaries. No call contains one. */
import { type CdmTable } from "../../../../../src/omop/cdm/mod.ts";
import { type ColumnUse, columnUse } from "../../../../../src/omop/disclosed/columns.ts";
import { PLANTED } from "./plant.ts";

/** A call of a tool. */
export type Call = readonly [tool: string, input: Record<string, unknown>];

/** The month of the canaries of events. */
const MONTH = [{ op: ">=", value: "2013-03-01" }, { op: "<=", value: "2013-03-31" }] as const;
/** No other number of the sample is larger. */
const LARGE = 70_000_000;

const OF_PERSONS = PLANTED.filter(({ columns }) => columns.some(({ name }) => name === "person_id"));

function query(table: string, input: Record<string, unknown> = {}): Call {
  return ["query_omop", { table, ...input }];
}

function columnsOf({ columns }: CdmTable, use: ColumnUse): readonly string[] {
  return columns.filter(({ name, type }) => columnUse({ column: name, type }) === use).map(({ name }) =>
    name
  );
}

/** Only persons with canaries: a query of these alone costs no number, and little time. */
const OLD = [{ column: "person.year_of_birth", op: "<", value: 1895 }];

/** Each table and each of its columns, in each use that the rules allow. */
export function allowedUses(): readonly Call[] {
  return OF_PERSONS.flatMap((table) => {
    const { name } = table;
    const [concepts, dates, quantities] = [
      columnsOf(table, "concept"),
      columnsOf(table, "date"),
      columnsOf(table, "quantity"),
    ];
    return [
      query(name, { group_by: ["person.year_of_birth"], filters: OLD, aggregates: [{ fn: "count" }] }),
      // All rows: among other groups. Eras have the concepts of their events.
      ...concepts.slice(0, table.group === "derived" ? 0 : 1).map((column) =>
        query(name, { group_by: [column], limit: 1_000 })
      ),
      ...threes(concepts).map((group_by) => query(name, { group_by, filters: OLD })),
      ...dates.flatMap((column) => [
        query(name, { group_by: [column], filters: MONTH.map((edge) => ({ column, ...edge })) }),
        query(name, {
          group_by: [
            `year(${column})`,
            `month(${column})`,
            `band(age_at(${column}), 0, 40, 110, 120, 125, 130)`,
          ],
          filters: OLD,
          aggregates: [{ fn: "avg", column: `age_at(${column})` }],
        }),
      ]),
      ...quantities.flatMap((column, at) => [
        ...at > 0
          ? []
          : [query(name, { aggregates: ["sum", "avg", "stddev"].map((fn) => ({ fn, column })) })],
        query(name, {
          filters: [{ column, op: ">", value: LARGE }],
          aggregates: [...["sum", "avg", "median"].map((fn) => ({ fn, column })), {
            fn: "percentile",
            p: 0.99,
            column,
          }],
        }),
      ]),
    ];
  });
}

/** Each hidden column: as a group with a condition, and as a sum. They are refused before the database is asked. */
export function hiddenUses(): readonly Call[] {
  return OF_PERSONS.flatMap((table) =>
    columnsOf(table, "hidden").flatMap((column) => [
      query(table.name, { group_by: [column], filters: [{ column, op: "is not null" }] }),
      query(table.name, { filters: OLD, aggregates: [{ fn: "sum", column }] }),
    ])
  );
}

function threes<T>(all: readonly T[]): readonly (readonly T[])[] {
  return all.length === 0 ? [] : [all.slice(0, 3), ...threes(all.slice(3))];
}

/** Queries that are wrong, or ask for one value. */
export const WRONG: readonly Call[] = [
  query("person", { columns: ["person_id", "person_source_value"] }),
  query("person", { filters: [{ column: "person_source_value", op: "like", value: "%" }] }),
  query("person", { filters: [{ column: "gender_concept_id", op: "=", value: "8507' or '1'='1" }] }),
  query("person", { filters: [{ column: "gender_concept_id", op: "=", value: "x" }] }),
  query("person", { filters: [{ column: "gender_concept_id", op: "=", value: 1e300 }] }),
  query("person", { filters: [{ column: "gender_concept_id", op: ">", value: LARGE }] }),
  query("person", { filters: [{ column: "year_of_birth", op: "=", value: 1888 }] }),
  query("person", { filters: [{ column: "year_of_birth", op: "<", value: 1890 }] }),
  query("person", { group_by: ["min(year_of_birth)"] }),
  query("person", {
    group_by: ["race_concept_id", "ethnicity_concept_id", "gender_concept_id"],
    order_by: "persons",
    limit: 1,
  }),
  query("measurement", { aggregates: [{ fn: "max", column: "value_as_number" }] }),
  query("measurement", { aggregates: [{ fn: "sum", column: "measurement_concept_id" }] }),
  query("measurement", { group_by: ["value_as_number"] }),
  query("measurement", {
    aggregates: [{ fn: "percentile", p: 0.999, column: "value_as_number" }, {
      fn: "median",
      column: "value_as_number",
    }],
  }),
  query("measurement", {
    filters: [{
      or: [{ column: "value_as_number", op: ">", value: LARGE }, {
        and: [{ column: "range_high", op: ">", value: LARGE }],
      }],
    }],
  }),
  query("measurement", {
    filters: [{ column: "value_as_number", op: "between", value: [LARGE, LARGE + 10_000_000] }],
  }),
  query("measurement", {
    filters: [{ column: "value_as_number", op: "<=", value: LARGE }],
    aggregates: [{ fn: "sum", column: "value_as_number" }],
  }),
  query("measurement", { filters: [{ column: "value_as_number", op: "=", value: "NaN" }] }),
  query("visit_occurrence", { filters: [{ column: "visit_start_date", op: ">=", value: "2013-03-16" }] }),
  query("visit_occurrence", { filters: [{ column: "visit_start_date", op: "=", value: "2013-02-30" }] }),
  query("visit_occurrence", { group_by: ["days_between(visit_start_date, visit_end_date)"] }),
  query("observation_period", { aggregates: [{ fn: "person_years" }] }),
  query("observation_period", {
    group_by: ["observation_period_end_date"],
    filters: [{ column: "person.year_of_birth", op: "<", value: 1895 }],
    aggregates: [{ fn: "person_years" }],
  }),
  query("concept", { filters: [{ column: "concept_id", op: ">", value: LARGE }] }),
  query("location"),
  query("cohort"),
  query("cohort", { cohort: "nobody" }),
  ["run_sql", { sql: "select * from person" }],
  ["find_measurement", { text: "glucose" }],
];

/** Cohorts. The first has all canaries' persons; of the others, some have only these, or all others. */
export const COHORTS: readonly Call[] = [
  ["define_cohort", { name: "ill", entry: [{ table: "condition_occurrence", first: true }] }],
  ["define_cohort", { name: "large", entry: [{ table: "measurement", value: { min: LARGE } }] }],
  ["define_cohort", { name: "usual", entry: [{ table: "measurement", value: { max: LARGE } }] }],
  ["define_cohort", { name: "old", entry: [{ table: "visit_occurrence" }], age: { min: 115 } }],
  ["define_cohort", { name: "young", entry: [{ table: "visit_occurrence" }], age: { max: 114 } }],
  ["define_cohort", { name: "dead", entry: [{ table: "death" }] }],
  ["define_cohort", {
    name: "month",
    entry: [{ table: "visit_occurrence", dates: { from: "2013-03-01", to: "2013-03-31" } }],
  }],
  ["define_cohort", {
    name: "day",
    entry: [{ table: "visit_occurrence", dates: { from: "2013-03-16", to: "2013-03-18" } }],
  }],
  ["define_cohort", { name: "wrong", entry: [{ table: "person" }] }],
  ["define_cohort", { name: "unknown" }],
];

/** Analyses of these cohorts; with a sandbox, each also leaves a DataFrame and a chart. @param sandbox_id The sandbox. */
export function analyses(sandbox_id: string): readonly Call[] {
  const periods = { type: "period", from: "2013-01-01", to: "2013-12-31", every: "quarter" };
  return [
    ...["usual", "ill", "large"].map((
      cohort,
    ): Call => ["query_omop", { table: "cohort", cohort, group_by: ["year(cohort_start_date)"] }]),
    query("person", { persons: { with: [{ cohort: "ill" }], without: [{ cohort: "usual" }] } }),
    query("person", { group_by: ["gender_concept_id", "race_concept_id"], sandbox_id }),
    ["analyze_cohort", {
      analysis: "prevalence",
      outcome: { cohort: "ill" },
      periods,
      sandbox_id,
      into: "prevalence",
    }],
    ["analyze_cohort", {
      analysis: "incidence_rate",
      cohort: "ill",
      outcome: { death: true },
      sandbox_id,
      into: "rate",
    }],
    ["analyze_cohort", {
      analysis: "survival",
      cohort: "ill",
      outcome: { cohort: "usual" },
      sandbox_id,
      into: "survival",
    }],
    ["analyze_cohort", {
      analysis: "table_one",
      cohort: "ill",
      comparator: "usual",
      sandbox_id,
      into: "table_one",
    }],
    ["analyze_cohort", {
      analysis: "characterize",
      cohort: "ill",
      top: 50,
      sandbox_id,
      into: "characterized",
    }],
    ["analyze_cohort", { analysis: "characterize", cohort: "large" }],
    ["analyze_cohort", {
      analysis: "prevalence",
      outcome: { cohort: "ill" },
      periods: { ...periods, from: "2013-03-16" },
    }],
    ["analyze_cohort", { analysis: "survival", cohort: "ill" }],
  ];
}

/** Descriptions and concepts. */
export const DESCRIPTIONS: readonly Call[] = [
  ["describe_cdm", {}],
  ["describe_cdm", { data_quality: true }],
  ...PLANTED.map(({ name }): Call => ["describe_cdm", { table: name }]),
  ["search_concepts", { text: "canary" }],
  ["search_concepts", { text: "neoplasm" }],
  ["search_concepts", { code: "735192" }],
  ["get_concept", { concept_id: 201826 }],
  ["get_concept", { concept_id: LARGE }],
  ["expand_concept_set", { items: [{ concept_id: 201826, include_descendants: true }], export_atlas: true }],
];

/** Asks from a sandbox, and writes what it got into files. */
export const CODE = `
import json, os, pathlib, pickle, traceback
import omcp, pandas
import psycopg
for call in (
    lambda: psycopg.connect(connect_timeout=1),
    lambda: omcp.sql("select * from person"),
    lambda: omcp.call("run_sql", sql="select 1"),
    lambda: omcp.query("person", columns=["person_id"]),
    lambda: omcp.query("person", group_by=["gender_concept_id", "race_concept_id"]),
    lambda: omcp.query("measurement", filters=[{"column": "value_as_number", "op": ">", "value": 7e7}]),
    lambda: omcp.query("person", filters=[{"column": "gender_concept_id", "op": "=", "value": "x"}]),
    lambda: omcp.cohort("seen", entry=[{"table": "death"}]),
    lambda: omcp.analyze("characterize", cohort="large"),
    lambda: omcp.concepts("canary"),
):
    try:
        answer = call()
        print(answer)
        with open("answers.pickle", "ab") as file: pickle.dump(answer, file)
    except Exception: traceback.print_exc()
frames = {name: value for name, value in globals().items() if isinstance(value, pandas.DataFrame)}
for name, frame in frames.items():
    print(name, frame.shape, frame.attrs)
    frame.to_csv(f"{name}.csv"); frame.to_pickle(f"{name}.pickle")
print(len(frames), dict(os.environ), pathlib.Path("/proc/self/cmdline").read_text())
`;

/** What there is to read in a sandbox, and beside it. @param sandbox_id The sandbox. */
export function reading(sandbox_id: string): readonly Call[] {
  return [
    ["export_notebook", { sandbox_id, path: "notes.ipynb" }],
    ["export_file", { sandbox_id, path: "characterized.csv" }],
    ["import_file", { sandbox_id, name: "characterized.csv", path: "again.csv" }],
    ["write_file", { sandbox_id, path: "own.txt", text: "own" }],
    ["read_file", { sandbox_id, path: "notes.ipynb" }],
    ["read_file", { sandbox_id, path: "rate.csv" }],
    ["read_file", { sandbox_id, path: "answers.pickle", limit: 100_000 }],
    ["read_file", { sandbox_id, path: "/proc/self/environ" }],
    ["move_file", { sandbox_id, path: "own.txt", to: "moved.txt" }],
    ["delete_file", { sandbox_id, path: "moved.txt" }],
    ["list_files", { sandbox_id, recursive: true }],
    ["list_contexts", { sandbox_id }],
    ["list_sandboxes", { sandbox_id }],
    ["list_sandboxes", { include_inactive: true }],
    ["get_execution", { execution_id: "exec_unknown" }],
    ["interrupt_execution", { execution_id: "exec_unknown" }],
    ["restart_kernel", { sandbox_id, context: "other" }],
  ];
}
