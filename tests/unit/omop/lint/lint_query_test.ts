import assert from "node:assert/strict";
import { lintQuery } from "../../../../src/omop/lint/mod.ts";
import { omopQuerySchema } from "../../../../src/omop/query/mod.ts";

const schema = omopQuerySchema("5.4");

function rulesOn(query: Record<string, unknown>): readonly string[] {
  return lintQuery(schema.parse(query)).map(({ rule }) => rule);
}

Deno.test("lintQuery() finds what typed queries can get wrong", () => {
  const wrong: readonly [string, Record<string, unknown>][] = [
    ["source-value", {
      table: "condition_occurrence",
      filters: [{ column: "condition_source_value", op: "like", value: "E11%" }],
    }],
    ["source-value", {
      table: "person",
      persons: {
        with: [{ table: "drug_exposure", filters: [{ column: "drug_source_value", op: "=", value: "x" }] }],
      },
    }],
    ["concept-0", {
      table: "condition_occurrence",
      filters: [{ column: "condition_concept_id", op: "in", value: [0, 201826] }],
    }],
    ["persons", { table: "condition_occurrence", aggregates: [{ fn: "count", as: "patients" }] }],
    ["mixed-measurements", { table: "measurement", aggregates: [{ fn: "avg", column: "value_as_number" }] }],
  ];
  for (const [rule, query] of wrong) assert.deepEqual(rulesOn(query), [rule], JSON.stringify(query));
});

Deno.test("lintQuery() leaves right queries alone", () => {
  const right = [
    { table: "person", aggregates: [{ fn: "count", as: "patients" }] },
    {
      table: "condition_occurrence",
      aggregates: [{ fn: "count_persons", as: "patients" }, { fn: "count", as: "records" }],
    },
    {
      table: "condition_occurrence",
      filters: [{ column: "condition_concept_id", op: "=", value: 0 }],
      aggregates: [{ fn: "count" }],
    },
    { table: "condition_occurrence", filters: [{ column: "condition_source_value", op: "is null" }] },
    { table: "condition_occurrence", columns: ["condition_source_value"], limit: 5 },
    {
      table: "measurement",
      filters: [{ column: "measurement_concept_id", op: "=", value: 3004501 }],
      aggregates: [{ fn: "avg", column: "value_as_number" }],
    },
  ];
  for (const query of right) assert.deepEqual(rulesOn(query), [], JSON.stringify(query));
});
