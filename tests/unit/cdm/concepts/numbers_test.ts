import assert from "node:assert/strict";
import { unitsIn } from "../../../../src/cdm/concepts/numbers.ts";

Deno.test("a unit that two tables use is one unit, and records without a unit are another", () => {
  const kilogram = { unit_concept_id: 9529, unit: "kilogram" };
  assert.equal(unitsIn([kilogram, kilogram]), 1);
  assert.equal(
    unitsIn([kilogram, { unit_concept_id: null, unit: null }, { unit_concept_id: null, unit: "" }]),
    2,
  );
  assert.equal(
    unitsIn([{ unit_concept_id: null, unit: "kg" }, { unit_concept_id: null, unit: "lb" }]),
    2,
  );
});
