import assert from "node:assert/strict";
import { closestNames, synonymOf } from "../../../src/lib/closest_names.ts";
import { cdmTable } from "../../../src/omop/cdm/mod.ts";
import { AGGREGATE_FUNCTIONS } from "../../../src/omop/query/schema.ts";

Deno.test("synonymOf() finds the statistic that a word means", () => {
  for (
    const [word, name] of [
      ["mean", "avg"],
      ["Average", "avg"],
      ["std", "stddev"],
      ["stdev", "stddev"],
      ["standard_deviation", "stddev"],
      ["maximum", "max"],
      ["count_distinct", 'count with "distinct": true'],
      ["COUNT DISTINCT", 'count with "distinct": true'],
      ["nunique", 'count with "distinct": true'],
      ["medain", undefined],
    ] as const
  ) assert.equal(synonymOf(word, AGGREGATE_FUNCTIONS), name, word);
  assert.equal(synonymOf("mean", ["asc", "desc"]), undefined);
  assert.equal(synonymOf("women", ["female", "male"]), "female");
  assert.equal(synonymOf("Sex", ["gender", "age_group", "year"]), "gender");
});

Deno.test("closestNames() returns names with all words of the given one before names with similar letters", () => {
  const columns = cdmTable("5.4", "condition_occurrence").columns.map(({ name }) => name);
  assert.deepEqual(closestNames("condition_date", columns).slice(0, 2), [
    "condition_end_date",
    "condition_start_date",
  ]);
  assert.deepEqual(
    closestNames("visit_date", cdmTable("5.4", "visit_occurrence").columns.map(({ name }) => name)).slice(
      0,
      2,
    ),
    ["visit_end_date", "visit_start_date"],
  );
});

Deno.test("closestNames() finds names with a typing error, and none for another word", () => {
  assert.deepEqual(closestNames("yearofbirth", ["year_of_birth", "person_id"]), ["year_of_birth"]);
  assert.deepEqual(closestNames("x_y_z_q", ["year_of_birth", "person_id"]), []);
});
