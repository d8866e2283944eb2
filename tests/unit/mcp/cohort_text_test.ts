import assert from "node:assert/strict";
import { describeCohort, givenArgument, refuseWithoutEntry } from "../../../src/mcp/cohort_text.ts";
import { cohortArguments } from "../../../src/omop/cohorts/mod.ts";

Deno.test("a call without an entry must not seem to change a cohort: defaults only", () => {
  refuseWithoutEntry(cohortArguments.parse({}));
  for (const one of [{ limit: "last" }, { prior_observation_days: 365 }, { sex: "female" }, { with: [] }]) {
    assert.throws(() => refuseWithoutEntry(cohortArguments.parse(one)), { code: "invalid_argument" });
  }
  assert.equal(givenArgument(cohortArguments.parse({ merge_gap_days: 30 })), "merge_gap_days");
});

Deno.test("persons without a known time are persons", () => {
  const one = { label: "periods in the cohort", persons: 3, rows: 3, starts: undefined, days: 0 };
  const text = describeCohort({ name: "few", meaning: [], counts: [one], notes: [] });
  assert.equal(text[0], "Cohort few: 3 persons without a known time");
  const none = describeCohort({
    name: "none",
    meaning: [],
    counts: [{ ...one, persons: 0, rows: 0 }],
    notes: [],
  });
  assert.equal(none[0], "Cohort none: no persons");
});
