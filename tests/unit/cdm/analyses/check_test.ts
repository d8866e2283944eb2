import assert from "node:assert/strict";
import { checkRequest } from "../../../../src/cdm/analyses/check.ts";
import { analysisSchema } from "../../../../src/omop/analyses/mod.ts";

const DEATH = { death: true };

const REFUSED: readonly (readonly [Readonly<Record<string, unknown>>, RegExp, RegExp])[] = [
  [{ analysis: "survival" }, /outcome is missing/, /"death": true/],
  [
    { analysis: "survival", outcome: { death: true, cohort: "a" } },
    /it has 2 of cohort, items and death/,
    /./,
  ],
  [
    { analysis: "table_one", outcome: DEATH },
    /outcome in table_one/,
    /for incidence_rate, survival, prevalence/,
  ],
  [{ analysis: "table_one", time_at_risk: { end_offset: 30 } }, /time_at_risk in table_one/, /Leave it out/],
  [{ analysis: "characterize", strata: ["gender"] }, /strata in characterize/, /table_one/],
  [{ analysis: "characterize", clean_window_days: 0 }, /clean_window_days in characterize/, /Leave it out/],
  [{ analysis: "incidence_rate", outcome: DEATH, at_days: [1] }, /at_days in incidence_rate/, /for survival/],
  [
    { analysis: "survival", outcome: DEATH, periods: { type: "period" } },
    /periods in survival/,
    /for prevalence\. For calendar years, pass strata: \["year"\]\./,
  ],
  [{ analysis: "characterize", cohort: "a", periods: { type: "period" } }, /periods in/, /for prevalence\.$/],
  [{ analysis: "table_one", comparator: "a" }, /without cohort/, /Pass both/],
  [{ analysis: "table_one", cohort: "a", comparator: "a" }, /with itself/, /another cohort/],
  [{ analysis: "prevalence", outcome: DEATH, strata: ["year"] }, /"year" in prevalence/, /"every": "year"/],
  [{ analysis: "table_one", strata: ["gender", "gender"] }, /Duplicate name in strata/, /once/],
  [{ analysis: "table_one", age_bands: [40, 40, 18] }, /age_bands: they must rise/, /\[18,40\]/],
  [
    {
      analysis: "table_one",
      covariates: [{ name: "x", items: [{ concept_id: 1 }], from_day: 5, to_day: 1 }],
    },
    /"x": its days are reversed/,
    /from_day 1 and to_day 5/,
  ],
  [
    { analysis: "survival", outcome: { items: [{ concept_id: 1, exclude: true }] } },
    /set of outcome: it has only items with exclude, so the set is empty/,
    /remove exclude/,
  ],
  [
    { analysis: "table_one", covariates: [{ name: "x", items: [{ concept_id: 1, exclude: true }] }] },
    /covariate "x": it has only items with exclude/,
    /remove exclude/,
  ],
];

for (const [request, message, next] of REFUSED) {
  Deno.test(`checkRequest() refuses ${JSON.stringify(request)}`, () => {
    assert.throws(() => checkRequest(analysisSchema.parse(request)), {
      code: "invalid_argument",
      message,
      next,
    });
  });
}

Deno.test("checkRequest() takes arguments that are spelled out with their defaults", () => {
  checkRequest(
    analysisSchema.parse({ analysis: "table_one", window_days: 365, time_at_risk: {}, covariates: [] }),
  );
  checkRequest(analysisSchema.parse({ analysis: "characterize", cohort: "a", top: 3, window_days: 30 }));
  checkRequest(analysisSchema.parse({ analysis: "survival", outcome: DEATH, cohort: "a", comparator: "b" }));
});
