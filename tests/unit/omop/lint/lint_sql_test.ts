import assert from "node:assert/strict";
import { lintSql, sqlConcepts } from "../../../../src/omop/lint/mod.ts";
import { cohortSelect, readCohort } from "../../../../src/omop/cohorts/mod.ts";
import { compileOmopQuery, omopQuerySchema } from "../../../../src/omop/query/mod.ts";
import { COMPILER } from "../../../../src/omop/sql_compiler.ts";
import { loadGrammar } from "../../../../src/postgres/guard/grammar.ts";
import { outlineOf } from "../../../../src/postgres/guard/outline.ts";
import { RIGHT, WRONG } from "../../../fixtures/lint_statements.ts";
import { ALLOWED } from "../../../fixtures/postgres/allowed.ts";

Deno.test.beforeAll(loadGrammar);

function rulesOn(sql: string): readonly string[] {
  const outline = outlineOf(sql);
  return outline === undefined ? [] : lintSql(outline, "5.4").map(({ rule }) => rule);
}

Deno.test("each rule finds the statements that are wrong by it, and no other does", () => {
  for (const [rule, statements] of Object.entries(WRONG)) {
    for (const sql of statements) assert.deepEqual(rulesOn(sql), [rule], sql);
  }
});

Deno.test("no rule touches a right statement", () => {
  for (const sql of [...RIGHT, ...ALLOWED["select"] ?? [], ...ALLOWED["explain"] ?? []]) {
    assert.deepEqual(rulesOn(sql), [], sql);
  }
  for (const sql of RIGHT) assert.notEqual(outlineOf(sql), undefined, sql);
});

/** What query_omop and define_cohort write is right: a warning on it is wrong. */
const TYPED = [
  { table: "condition_occurrence", aggregates: [{ fn: "count_persons" }, { fn: "count" }] },
  {
    table: "drug_exposure",
    per_person: "first",
    columns: [
      "person_id",
      "age_at(drug_exposure_start_date)",
      "period.observation_period_start_date",
      "person.gender_concept_id",
    ],
    filters: [
      {
        column: "drug_concept_id",
        op: "in_concept_set",
        value: { items: [{ concept_id: 1118084, include_descendants: true, include_mapped: true }] },
      },
      {
        column: "days_between(period.observation_period_start_date, drug_exposure_start_date)",
        op: ">=",
        value: 365,
      },
    ],
    persons: {
      with: [{ table: "condition_occurrence", window: { from: -30, to: 0 } }],
      without: [{ table: "death" }],
    },
  },
  {
    table: "measurement",
    group_by: ["measurement_concept_id", "unit_concept_id", "year(measurement_date)"],
    aggregates: [{ fn: "avg", column: "value_as_number" }, { fn: "median", column: "value_as_number" }],
    concept_name: true,
  },
  { table: "observation_period", aggregates: [{ fn: "person_years" }, { fn: "count_persons" }] },
];

Deno.test("no rule touches what query_omop and define_cohort write", () => {
  const schema = omopQuerySchema("5.4");
  for (const query of TYPED) {
    const { sql } = compileOmopQuery(schema.parse(query), { version: "5.4", schema: "cdm", maxRows: 1_000 });
    assert.notEqual(outlineOf(sql), undefined, sql);
    assert.deepEqual(rulesOn(sql), [], sql);
  }
  const cohort = readCohort({
    entry: [{ table: "condition_occurrence", concepts: [{ concept_id: 192671, include_descendants: true }] }],
    prior_observation_days: 365,
    age: { min: 18, completed_years: true },
    without: [{
      table: "drug_exposure",
      concepts: [{ concept_id: 1118084, include_descendants: true }],
      window: { from: -180, to: -1 },
    }],
  });
  assert.deepEqual(rulesOn(cohortSelect(cohort, "cdm").compile(COMPILER).sql), []);
});

Deno.test("the concepts that SQL compares columns with are found with their tables", () => {
  const outline = outlineOf(
    "select count(*) from condition_occurrence c join person p using (person_id) where c.condition_concept_id in (1, 2) and 8532 = gender_concept_id and c.condition_start_date > '2020-01-01'",
  ) ?? [];
  assert.deepEqual(sqlConcepts(outline, "5.4"), [
    { table: "condition_occurrence", column: "condition_concept_id", ids: [1, 2], descendants: false },
    { table: "person", column: "gender_concept_id", ids: [8532], descendants: false },
  ]);
});

Deno.test("a text that is long, deep, broken or several statements has no outline", () => {
  const texts = [
    `select ${"1 + ".repeat(6_000)} 1`,
    `select ${"(".repeat(500)}1${")".repeat(500)}${" + (select 1".repeat(300)}${")".repeat(300)}`,
    `select ${"a,".repeat(4_100)} a from t`,
    "select 1; select 2",
    "selec 1",
    "",
  ];
  for (const text of texts) assert.equal(outlineOf(text), undefined, text.slice(0, 60));
});

Deno.test("names of aliases, subqueries and tables of others end in no warning and no error", () => {
  const statements = [
    "select a.x = b.y from (select 1 as x) a, (select 2 as y) b",
    "select * from site.person_id p, pg_class c",
    "select x.person_id from unknown x join person p on x.anything = p.person_id",
    "select (p).person_id, p.* from person p where (p).person_id = 1",
    "with person as (select 1 as visit_occurrence_id) select * from person p join visit_occurrence v on v.person_id = p.visit_occurrence_id",
    "update person set person_id = 1",
  ];
  for (const sql of statements) assert.deepEqual(rulesOn(sql), [], sql);
});

Deno.test("a statement of hundreds of relations and columns does not hold the server up", () => {
  const outline = outlineOf(`select from ${"note,".repeat(900)}note where ${"a=b and ".repeat(900)}true`);
  assert.ok(outline !== undefined);
  const start = performance.now();
  lintSql(outline, "5.4");
  // Without an index of its columns, it takes three seconds on an idle machine, and 30 ms with one.
  assert.ok(performance.now() - start < 1_500);
});
