import assert from "node:assert/strict";
import { OmcpError } from "../../../../src/errors.ts";
import { readCohort } from "../../../../src/omop/cohorts/mod.ts";
import {
  compileAttrition,
  compileDisclosedQuery,
  disclosedMeaning,
  disclosedQuerySchema,
} from "../../../../src/omop/disclosed/mod.ts";
import { CDM_VERSIONS, cdmTables } from "../../../../src/omop/cdm/mod.ts";

const OPTIONS = { version: "5.4", schema: "cdm", seed: 7n, buckets: 1_024, k: 11 } as const;

function compiled(input: unknown) {
  return compileDisclosedQuery(disclosedQuerySchema("5.4").parse(input), OPTIONS);
}

/** The codes of the refusal of a query. */
function refusal(input: unknown): string {
  try {
    compiled(input);
  } catch (error) {
    assert.ok(error instanceof OmcpError, String(error));
    return error.code;
  }
  return "none";
}

Deno.test("every column of every table is a concept, a date, the year of birth, a quantity or hidden", () => {
  const groupable: string[] = [];
  for (const { name: table, columns } of CDM_VERSIONS.flatMap((version) => cdmTables(version))) {
    if (
      !columns.some(({ name }) => name === "person_id") ||
      !disclosedQuerySchema("5.4").shape.table.safeParse(table).success
    ) {
      continue;
    }
    for (const { name: column, type } of columns) {
      const code = refusal({ table, group_by: [column] });
      if (code === "invalid_argument") continue;
      if (code === "none") groupable.push(column);
      assert.equal(
        code === "none",
        /_concept_id$/.test(column) || type === "date" || column === "year_of_birth",
        column,
      );
    }
  }
  for (
    const hidden of ["person_id", "provider_id", "care_site_id", "location_id", "birth_datetime", "note_text"]
  ) {
    assert.ok(!groupable.includes(hidden), hidden);
  }
});

Deno.test("who groups by a hidden column reads which columns of the table may be grouped by", () => {
  for (
    const [table, hidden, columns] of [
      [
        "person",
        "location_id",
        /to group by: gender_concept_id, year_of_birth, race_concept_id, ethnicity_concept_id, /,
      ],
      ["death", "cause_source_value", /to group by: death_date, death_type_concept_id, cause_concept_id, /],
    ] as const
  ) {
    assert.throws(() => compiled({ table, group_by: [hidden] }), ({ next }: OmcpError) => {
      assert.match(next ?? "", columns);
      assert.doesNotMatch(next ?? "", /_id, person_id|provider_id|_datetime/);
      return true;
    });
  }
});

Deno.test("conditions are joined with or and and, and each of them is as coarse as one alone", () => {
  const old = { column: "person.year_of_birth", op: "<", value: 1950 };
  const long = { column: "visit_start_date", op: ">=", value: "2020-01-01" };
  const visits = (...filters: readonly unknown[]) => refusal({ table: "visit_occurrence", filters });
  assert.equal(visits({ or: [old, { and: [long, { or: [old, long] }] }] }), "none");
  const { statement } = compiled({
    table: "visit_occurrence",
    filters: [{ or: [old, { and: [long, old] }] }],
  });
  assert.match(statement.sql, /where \(\(.*< .* or \(.*>= .* and .*< .*\)\)\)/s);
  const fine = { column: "visit_start_date", op: ">=", value: "2020-01-02" };
  const name = { column: "visit_source_value", op: "=", value: "x" };
  for (const hidden of [fine, name]) {
    assert.equal(visits({ or: [old, hidden] }), "disclosure_not_allowed");
    assert.equal(visits({ or: [old, { and: [long, { or: [hidden] }] }] }), "disclosure_not_allowed");
  }
  // What a negation leaves is another band: it can be asked for.
  assert.equal(visits({ or: [old, { not: [long] }] }), "invalid_argument");
  assert.throws(
    () =>
      compiled({
        table: "visit_occurrence",
        filters: [{ or: [{ column: "visit_concept_id", concepts: [{ concept_id: 1 }] }] }],
      }),
    {
      message: /^Cannot read or\[0\]: unknown argument "concepts" \(write "op": "in_concept_set", /,
    },
  );
  assert.equal(visits({ or: [{ column: "provider.npi", op: "=", value: "x" }] }), "invalid_argument");
  let deep: object = old;
  for (let at = 0; at < 2_000; at += 1) deep = { or: [deep] };
  assert.equal(visits(deep), "invalid_argument");
});

Deno.test("a condition is by months and by bands of five years, or refused", () => {
  const dates = (op: string, value: unknown) =>
    refusal({ table: "visit_occurrence", filters: [{ column: "visit_start_date", op, value }] });
  const births = (op: string, value: unknown) =>
    refusal({ table: "person", filters: [{ column: "year_of_birth", op, value }] });
  assert.deepEqual(
    [dates(">=", "2020-02-01"), dates("<=", "2020-02-29"), dates("between", ["2020-01-01", "2021-12-31"])],
    ["none", "none", "none"],
  );
  for (
    const [op, value] of [
      [">=", "2020-02-02"],
      ["<=", "2020-02-28"],
      ["=", "2020-02-01"],
      ["!=", "2020-02-01"],
      [">", "2020-02-01"],
      [
        "in",
        ["2020-02-01"],
      ],
    ] as const
  ) assert.equal(dates(op, value), "disclosure_not_allowed", `${op} ${String(value)}`);
  assert.deepEqual([
    births(">=", 1950),
    births("<", "1950"),
    births(">", 1954),
    births("between", [1950, 1959]),
  ], [
    "none",
    "none",
    "none",
    "none",
  ]);
  for (
    const [op, value] of [["=", 1950], [">=", 1951], ["in", [1950]], ["not in", [1950]], ["between", [
      1950,
      1951,
    ]]] as const
  ) {
    assert.equal(births(op, value), "disclosure_not_allowed", `${op} ${String(value)}`);
  }
});

Deno.test("values of filters are parameters, and the secret seed is one too", () => {
  const { statement: { sql, parameters } } = compiled({
    table: "person",
    filters: [{ column: "gender_concept_id", op: "=", value: 8507 }],
  });
  assert.doesNotMatch(sql, /8507/);
  assert.deepEqual(parameters, ["8507", "7"]);
});

Deno.test("aggregates share values, and each name of the result is there once", () => {
  const { values, outputs } = compiled({
    table: "measurement",
    aggregates: [{ fn: "avg", column: "value_as_number" }, { fn: "sum", column: "value_as_number" }, {
      fn: "count",
    }],
  });
  assert.deepEqual(values.map(({ kind }) => kind), ["sum", "values", "records"]);
  assert.deepEqual(outputs.map(({ name }) => name), [
    "avg_value_as_number",
    "sum_value_as_number",
    "records",
  ]);
  assert.equal(
    refusal({ table: "person", group_by: ["gender_concept_id", "gender_concept_id"] }),
    "invalid_argument",
  );
});

Deno.test("functions of dates are no finer than months and bands of five years, or refused", () => {
  const group = (...group_by: string[]) => refusal({ table: "condition_occurrence", group_by });
  const filter = (column: string, op: string, value: unknown) =>
    refusal({ table: "condition_occurrence", filters: [{ column, op, value }] });
  assert.deepEqual(
    [
      group("year(condition_start_date)"),
      group("month(condition_start_date)"),
      group("band(age_at(condition_start_date), 0, 40, 65)"),
      filter("year(condition_start_date)", "=", 2020),
      filter("age_at(condition_start_date)", ">=", 40),
      filter("age_at(condition_start_date)", "between", [40, 64]),
      refusal({
        table: "condition_occurrence",
        aggregates: [{ fn: "stddev", column: "age_at(condition_start_date)" }],
      }),
      refusal({ table: "observation_period", aggregates: [{ fn: "person_years" }] }),
    ],
    Array.from({ length: 8 }, () => "none"),
  );
  for (
    const fine of [
      "day(condition_start_date)",
      "quarter(condition_start_date)",
      "age_at(condition_start_date)",
      "band(age_at(condition_start_date), 0, 41)",
      "band(year_of_birth, 1950)",
      "band(days_between(condition_start_date, condition_end_date), 0, 5)",
      "days_between(condition_start_date, condition_end_date)",
      "month(condition_start_datetime)",
    ]
  ) assert.notEqual(group(fine), "none", fine);
  for (
    const [column, op, value] of [
      ["age_at(condition_start_date)", "=", 40],
      ["age_at(condition_start_date)", ">=", 41],
      ["year(condition_start_date)", "!=", 2020],
      ["day(condition_start_date)", "=", 7],
    ] as const
  ) assert.equal(filter(column, op, value), "disclosure_not_allowed", `${column} ${op}`);
  assert.equal(refusal({ table: "person", aggregates: [{ fn: "person_years" }] }), "invalid_argument");
  assert.equal(refusal({ table: "cohort" }), "invalid_argument");
});

Deno.test("a cohort is by months, ages of five years and one entry event, or refused", () => {
  function define(definition: Record<string, unknown>): string {
    try {
      compileAttrition(readCohort({ entry: [{ table: "visit_occurrence" }], ...definition }), OPTIONS);
    } catch (error) {
      assert.ok(error instanceof OmcpError, String(error));
      return error.code;
    }
    return "none";
  }
  const dated = (from: string, to: string) => [{ table: "visit_occurrence", dates: { from, to } }];
  assert.equal(define({ entry: dated("2020-01-01", "2020-02-29"), age: { min: 40, max: 64 } }), "none");
  for (
    const fine of [
      { entry: dated("2020-01-02", "2020-02-29") },
      { entry: dated("2020-01-01", "2020-02-28") },
      { with: dated("2020-01-01", "2020-01-01") },
      { without: dated("2020-01-15", "2020-01-31") },
      { age: { min: 41 } },
      { age: { max: 40 } },
      { with: [{ age: { min: 41 } }] },
      { with: [{ any_of: [{ table: "death" }, { table: "specimen" }] }] },
      { without: [{ sex: "male" }] },
      { entry: [...dated("2020-01-01", "2020-01-31"), ...dated("2021-01-01", "2021-01-31")] },
    ]
  ) assert.equal(define(fine), "disclosure_not_allowed", JSON.stringify(fine));
});

Deno.test("disclosedMeaning() says in a line what is counted, of whom and for which groups", () => {
  const meaning = (input: unknown) =>
    disclosedMeaning(disclosedQuerySchema("5.4").parse(input), compiled(input).groups);
  assert.equal(
    meaning({
      table: "measurement",
      filters: [{ column: "value_as_number", op: ">", value: 3 }, {
        or: [{ column: "unit_concept_id", op: "=", value: 9529 }, {
          column: "unit_concept_id",
          op: "is null",
        }],
      }],
      group_by: ["person.year_of_birth", "measurement_date", "unit_concept_id"],
      aggregates: [{ fn: "count" }, { fn: "count", column: "range_high" }, {
        fn: "avg",
        column: "value_as_number",
      }],
    }),
    "number of persons, number of records, number of records with range_high, avg of value_as_number of measurement where " +
      "value_as_number > 3 and (unit_concept_id = 9529 or unit_concept_id is null); for each five years of year_of_birth, " +
      "month of measurement_date, unit_concept_id",
  );
  assert.equal(
    meaning({
      table: "observation_period",
      aggregates: [{ fn: "person_years" }, { fn: "count_persons" }],
    }),
    "number of persons, person-years of observation_period",
  );
  assert.equal(
    disclosedMeaning(
      disclosedQuerySchema("5.4").parse({
        table: "cohort",
        cohort: "ill",
        persons: { with: [{ cohort: "old" }], without: [{ cohort: "young" }] },
        aggregates: [{ fn: "percentile", p: 0.25, column: "age_at(cohort_start_date)" }],
      }),
      [],
    ),
    "number of persons, percentile 0.25 of age_at(cohort_start_date) of cohort ill; of persons in cohort old; of persons not in " +
      "cohort young",
  );
});
