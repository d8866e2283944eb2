import assert from "node:assert/strict";
import { readCohort } from "../../../../src/omop/cohorts/mod.ts";
import { lintCohort, lintQuery, warningLine } from "../../../../src/omop/lint/mod.ts";
import { omopQuerySchema } from "../../../../src/omop/query/mod.ts";

const FIRST = { table: "condition_occurrence", per_person: "first" };
const schema = omopQuerySchema("5.4");

function rulesOn(query: Record<string, unknown>): readonly string[] {
  return lintQuery(schema.parse(query), "5.4").map(({ rule }) => rule);
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
    ["observation-period", {
      ...FIRST,
      persons: { without: [{ table: "drug_exposure", window: { from: -365, to: -1 } }] },
    }],
    ["observation-period", {
      ...FIRST,
      persons: { without: [{ table: "visit_occurrence", window: { from: 1, to: 30 } }] },
    }],
    ["mixed-measurements", { table: "measurement", aggregates: [{ fn: "avg", column: "value_as_number" }] }],
  ];
  for (const [rule, query] of wrong) assert.deepEqual(rulesOn(query), [rule], JSON.stringify(query));
});

Deno.test("lintQuery() says which condition on observation is missing", () => {
  const window = { from: -365, to: 30 };
  const query = schema.parse({ ...FIRST, persons: { without: [{ table: "drug_exposure", window }] } });
  assert.deepEqual(lintQuery(query, "5.4").map(warningLine), [
    "Warning [observation-period]: Who was not under observation for 365 days before and 30 days after counts as without drug_exposure. " +
    'Add to then_filters: {"column":"days_between(period.observation_period_start_date, condition_start_date)","op":">=","value":365}, ' +
    '{"column":"days_between(condition_start_date, period.observation_period_end_date)","op":">=","value":30}.',
  ]);
});

Deno.test("lintCohort() compares windows of absence with the observation that a definition asks for", () => {
  const absent = (more: Record<string, unknown>) =>
    lintCohort(readCohort({ entry: [{ table: "condition_occurrence" }], ...more })).map(({ fix }) => fix);
  const drug = { table: "drug_exposure", window: { from: -365, to: -1 } };
  assert.deepEqual(absent({ without: [drug] }), ["Set prior_observation_days: 365"]);
  assert.deepEqual(absent({ with: [{ ...drug, at_most: 0 }], prior_observation_days: 364 }), [
    "Set prior_observation_days: 365",
  ]);
  assert.deepEqual(absent({ without: [{ ...drug, window: { from: 0, to: 30 } }] }), [
    "Set post_observation_days: 30",
  ]);
  for (
    const right of [
      { without: [drug], prior_observation_days: 365 },
      { with: [drug] },
      { without: [{ table: "drug_exposure", window: { to: -1 } }] },
      { without: [{ table: "drug_exposure", window: { from: -99_999, to: 0 } }] },
      { without: [{ table: "death", window: { from: 1, to: 365 } }] },
    ]
  ) assert.deepEqual(absent(right), []);
});

Deno.test("lintQuery() finds criteria that each row meets by itself", () => {
  const inpatient = { column: "visit_concept_id", op: "=", value: 9201 };
  const visits = { table: "visit_occurrence", filters: [inpatient] };
  const another = {
    table: "visit_occurrence",
    filters: [{ value: 9201, op: "=", column: "visit_concept_id" }],
  };
  const outpatient = { table: "visit_occurrence", filters: [{ ...inpatient, value: 9202 }] };
  const rules = (criterion: Record<string, unknown>, key = "with") =>
    rulesOn({ ...visits, persons: { [key]: [criterion] } }).filter((rule) => rule === "own-row");
  for (const window of [{ from: 0, to: 30 }, { to: 0 }, { from: -5 }, {}]) {
    assert.deepEqual(rules({ ...another, window }), ["own-row"]);
    assert.deepEqual(rules({ ...another, window }, "without"), ["own-row"]);
  }
  assert.deepEqual(rules({ table: "visit_occurrence", overlaps: true }), ["own-row"]);
  for (
    const right of [
      { ...another, window: { from: 1, to: 30 } },
      { ...another, window: { to: -1 } },
      { ...another, window: { from: 1, to: 30, of: "end" } },
      { ...another, window: { from: 0, to: 365 }, at_least: 3 },
      { ...outpatient, window: { from: 0, to: 30 } },
      { table: "condition_occurrence", window: { from: 0, to: 30 } },
      { cohort: "inpatients", window: { from: 0, to: 30 } },
      another,
    ]
  ) assert.deepEqual(rules(right), [], JSON.stringify(right));
});

Deno.test("lintQuery() leaves right queries alone", () => {
  const washout = { without: [{ table: "drug_exposure", window: { from: -365, to: -1 } }] };
  const right = [
    {
      ...FIRST,
      then_filters: [{
        column: "days_between(period.observation_period_start_date, condition_start_date)",
        op: ">=",
        value: 365,
      }],
      persons: washout,
    },
    { ...FIRST, persons: { ...washout, with: [{ table: "observation_period", window: { to: -365 } }] } },
    { table: "cohort", cohort: "users", persons: washout },
    { ...FIRST, persons: { with: washout.without } },
    { ...FIRST, persons: { without: [{ table: "drug_exposure" }] } },
    { ...FIRST, persons: { without: [{ table: "drug_exposure", window: { to: -1 } }] } },
    { ...FIRST, persons: { without: [{ table: "drug_exposure", window: { from: 0, to: 0 } }] } },
    { ...FIRST, persons: { without: [{ table: "death", window: { from: 0, to: 30 } }] } },
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
