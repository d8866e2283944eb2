import assert from "node:assert/strict";
import { countTokens } from "../../../../src/postgres/guard/token_count.ts";
import { planOf, POLICY, refusalOf } from "../../../fixtures/postgres/planning.ts";

const MOST = { tokens: 100, comments: 100 };

Deno.test("countTokens() counts literals once, and neither white space nor comments", () => {
  for (
    const [sql, tokens, comments] of [
      ["", 0, 0],
      ["SELECT 1", 2, 0],
      ["SELECT\n\t 'a long ''literal'' of words' -- and a 'comment", 2, 0],
      ["SELECT/* a /* nested */ one */1", 2, 2],
      ['SELECT "a ""b"" c", E\'x\\\' y\', $$a b$$, $t$ $$ $t$', 8, 0],
      ["a+b", 3, 0],
      ["$1", 1, 0],
      ["é_1$x", 1, 0],
      ["'no end", 1, 0],
      ["/* no end", 0, 1],
    ] as const
  ) assert.deepEqual(countTokens(sql, MOST), { tokens, comments }, sql);
  assert.equal(countTokens("1 ".repeat(1000), MOST).tokens, 101);
});

Deno.test("planText() does not count white space, comments and long literals, and names the limit that a text exceeds", () => {
  for (
    const sql of [
      `SELECT 1${" ".repeat(200_000)},2`,
      `SELECT '${"a ".repeat(100_000)}'`,
      `SELECT '${" ".repeat(30_000)}' -- ${"x ".repeat(50_000)}`,
      `SELECT 1${"\n-- a comment".repeat(15_000)}\n,2`,
    ]
  ) assert.equal(planOf(sql).kind, "forward");
  assert.match(refusalOf(`SELECT 1${"+1".repeat(10_100)}`).message, /20000 tokens/);
  assert.match(refusalOf(`SELECT 1${"/**/".repeat(2_100)}`).message, /2000 comments/);
  // what PostgreSQL repeats of the text is cut
  assert.ok(refusalOf(`SELECT '${"x".repeat(200_000)}`).message.length < 300);
});

Deno.test("planText() counts relations as the planner will see them", () => {
  const doubled = Array.from(
    { length: 12 },
    (_, at) => `c${at + 1} AS NOT MATERIALIZED (SELECT * FROM c${at} x CROSS JOIN c${at} y)`,
  );
  const with0 = "WITH c0 AS NOT MATERIALIZED (SELECT * FROM person)";
  assert.match(refusalOf(`${with0}, ${doubled.join(", ")} SELECT 1 FROM c12`).message, /500 relations/);
  assert.equal(planOf(`${with0}, ${doubled.slice(0, 5).join(", ")} SELECT 1 FROM c5`).kind, "forward");
  const plain = doubled.join(", ").replaceAll("NOT MATERIALIZED ", "");
  assert.equal(planOf(`WITH c0 AS (SELECT * FROM person), ${plain} SELECT 1 FROM c12`).kind, "forward");
  const joined = Array.from({ length: 501 }, (_, at) => `person p${at}`).join(", ");
  assert.match(refusalOf(`SELECT 1 FROM ${joined}`).message, /500 relations/);
  refusalOf("WITH RECURSIVE a AS NOT MATERIALIZED (SELECT 1), b AS (SELECT * FROM a) TABLE b");
});

Deno.test("planText() allows (row).field for columns of the CDM, unless a function has that name", () => {
  const policy = {
    ...POLICY,
    columns: new Set(["person_id", "version", "pg_read_file", "note_id"]),
    rowFunctions: new Set(["note_id"]),
  };
  assert.equal(planOf("SELECT (p).person_id FROM person p", "simple", policy).kind, "forward");
  for (const name of ["version", "pg_read_file", "note_id", "year_of_birth"]) {
    assert.match(refusalOf(`SELECT (p).${name} FROM person p`, policy).message, /could call a function/);
  }
});

Deno.test("planText() names the closest relation for a misspelt one", () => {
  const refusal = refusalOf("SELECT * FROM condition_occurence");
  assert.equal(refusal.sqlstate, "42P01");
  assert.match(refusal.message, /"condition_occurence" does not exist or is not readable/);
  assert.match(refusal.hint ?? "", /"condition_occurrence"/);
  assert.doesNotMatch(refusalOf("SELECT * FROM zzz").hint ?? "", /Perhaps/);
  assert.match(refusalOf("SELECT * FROM pg_shadow").message, /permission denied/);
});
