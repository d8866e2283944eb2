import assert from "node:assert/strict";
import { OmcpError } from "../../../../src/errors.ts";
import { compileDisclosedQuery, disclosedQuerySchema } from "../../../../src/omop/disclosed/mod.ts";
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
