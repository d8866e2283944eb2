import assert from "node:assert/strict";
import { sql } from "kysely";
import { CohortStore } from "../../../../src/cdm/cohorts/store.ts";
import { type CohortRow, readCohort } from "../../../../src/omop/cohorts/mod.ts";

const expression = readCohort({ entry: [{ table: "condition_occurrence" }] });

Deno.test("CohortStore finds a cohort of its owner only, and names the owner's cohorts otherwise", () => {
  const store = new CohortStore();
  store.hold("a", { name: "bleeds", expression });
  store.hold("b", { name: "others", expression });
  assert.deepEqual(store.get("a", "bleeds"), { name: "bleeds", expression });
  assert.throws(() => store.get("a", "others"), {
    code: "cohort_not_found",
    next: "Held: bleeds. Or define it with define_cohort.",
  });
  assert.throws(() => store.get("a", "bleed"), { next: /^Did you mean bleeds\?/ });
  assert.throws(() => store.get("c", "bleeds"), { next: /^Define it with define_cohort/ });
});

Deno.test("CohortStore replaces a cohort of the same name", () => {
  const store = new CohortStore();
  const other = readCohort({ entry: [{ table: "death" }] });
  assert.deepEqual(store.hold("a", { name: "x", expression }), { replaced: false, dropped: undefined });
  assert.deepEqual(store.hold("a", { name: "x", expression: other }), { replaced: true, dropped: undefined });
  assert.deepEqual(store.get("a", "x"), { name: "x", expression: other });
  assert.deepEqual(store.names("a"), ["x"]);
});

Deno.test("CohortStore finds the persons of a query's result as it finds a cohort", () => {
  const store = new CohortStore();
  const rows = sql<CohortRow>`select 1`;
  store.hold("a", { name: "x", persons: { rows, meaning: [] } });
  assert.equal(store.select("a", "x", "cdm"), rows);
});

Deno.test("CohortStore holds 100 cohorts of a principal, and drops the one that was not used for the longest time", () => {
  const store = new CohortStore();
  for (let number = 0; number < 100; number++) store.hold("a", { name: `c${number}`, expression });
  store.get("a", "c0");
  assert.equal(store.hold("a", { name: "new", expression }).dropped, "c1");
  assert.equal(store.names("a").length, 100);
  assert.equal(store.get("a", "c0").name, "c0");
});

Deno.test("CohortStore holds the cohorts of 100 principals", () => {
  const store = new CohortStore();
  for (let number = 0; number < 101; number++) store.hold(`p${number}`, { name: "x", expression });
  assert.deepEqual(store.names("p0"), []);
  assert.deepEqual(store.names("p1"), ["x"]);
});
