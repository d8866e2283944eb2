import assert from "node:assert/strict";
import { requireDisclosable, requireMonths } from "../../../../src/cdm/analyses/disclosed/check.ts";
import { disclosedAnalysisSchema } from "../../../../src/omop/analyses/mod.ts";

Deno.test("an analysis has bands of five years and groups of at most three columns, or is refused", () => {
  const check = (request: Record<string, unknown>) =>
    requireDisclosable(disclosedAnalysisSchema.parse({ analysis: "prevalence", ...request }));
  check({});
  check({ strata: ["gender", "age_group"], age_bands: [5, 20, 95] });
  check({ analysis: "incidence_rate", strata: ["gender", "age_group", "year"] });
  assert.throws(() => check({ age_bands: [3, 18, 65] }), {
    code: "disclosure_not_allowed",
    message: "Cannot use age_bands with 3, 18",
    next: "Use multiples of 5: [5,15,65].",
  });
  for (const analysis of ["prevalence", "survival", "table_one"]) {
    assert.throws(() => check({ analysis, strata: ["gender", "age_group", "year"] }), {
      code: "disclosure_not_allowed",
      next: "Use at most 2.",
    });
  }
});

Deno.test("periods need both days, of whole months", () => {
  const periods = (given: Record<string, unknown>) =>
    requireMonths(disclosedAnalysisSchema.parse({ analysis: "prevalence", periods: given }).periods);
  assert.deepEqual(periods({ from: "2020-02-01", to: "2020-02-29" }), {
    from: "2020-02-01",
    to: "2020-02-29",
  });
  assert.throws(() => periods({ from: "2020-02-01" }), {
    code: "invalid_argument",
    message: /periods\.from or periods\.to is missing/,
  });
  assert.throws(() => periods({ from: "2020-02-01", to: "2020-02-28" }), { code: "disclosure_not_allowed" });
  assert.throws(() => periods({ from: "2020-02-02", to: "2020-02-29" }), { code: "disclosure_not_allowed" });
  assert.throws(() => periods({ from: "2021-02-01", to: "2020-02-29" }), {
    code: "invalid_argument",
    message: /the first is after the last/,
  });
});
