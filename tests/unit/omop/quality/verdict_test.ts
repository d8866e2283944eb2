import assert from "node:assert/strict";
import { findings, type QualityCheckId, type TableCount } from "../../../../src/omop/quality/mod.ts";

function found(check: QualityCheckId, ...counts: readonly TableCount[]) {
  return findings(new Map([[check, counts]]))[0];
}

Deno.test("findings() fails a check if one table exceeds the threshold, however small the share of all", () => {
  const finding = found(
    "conceptMapped",
    { table: "measurement", found: 40, of: 1_000_000 },
    { table: "observation", found: 6, of: 100 },
    { table: "drug_exposure", found: 0, of: 10 },
  );
  assert.equal(finding?.verdict, "failed");
  assert.deepEqual(finding.tables.map(({ table }) => table), ["observation", "measurement"]);
  assert.deepEqual([finding.found, finding.of], [46, 1_000_110]);
});

Deno.test("findings() passes a share at the threshold, and a table without records", () => {
  assert.equal(found("conceptMapped", { table: "death", found: 5, of: 100 })?.verdict, "passed");
  assert.equal(found("isForeignKey", { table: "death", found: 0, of: 0 })?.verdict, "passed");
});

Deno.test("findings() leaves the judgement of Achilles's counts to a person, and omits checks that did not run", () => {
  assert.equal(found("outsidePeriod", { table: "death", found: 1, of: 100 })?.verdict, "look");
  assert.equal(found("outsidePeriod", { table: "death", found: 0, of: 100 })?.verdict, "passed");
  assert.deepEqual(findings(new Map()), []);
});
