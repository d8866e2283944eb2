import assert from "node:assert/strict";
import * as fc from "fast-check";
import { plansOf } from "../../../fixtures/postgres/planning.ts";
import { repetitions } from "../../../fixtures/load.ts";

const WRITES = [
  "DELETE FROM person",
  "INSERT INTO person VALUES (1)",
  "UPDATE person SET person_id = 1",
  "DROP TABLE person",
  "WITH d AS (DELETE FROM person RETURNING 1) SELECT 1",
  "SELECT lo_unlink(1)",
  "SELECT pg_read_file('x')",
  "BEGIN READ WRITE",
  "SET ROLE x",
];

const FRAGMENTS = fc.constantFrom(
  ..." |;|'|\"|$$|$a$|--|\n|/*|*/|(|)|SELECT 1;|COMMIT;|E'|\\'|\\|U&\"|é|😀|EXPLAIN |WITH x AS (|,|BEGIN;|\t|::|]|[|."
    .split("|"),
);
const JUNK = fc.array(FRAGMENTS, { maxLength: 8 }).map((parts) => parts.join(""));

/** A statement that writes, where it is one: outside of strings, comments and quoted names. */
const HARMFUL = /\b(DELETE|INSERT|UPDATE|DROP|lo_unlink|pg_read_file|READ WRITE|ROLE)\b/;

Deno.test("planText() forwards no writing statement, whatever surrounds it", () => {
  fc.assert(
    fc.property(JUNK, fc.constantFrom(...WRITES), JUNK, (before, write, after) => {
      for (const plan of plansOf(before + write + after)) {
        // what is left of a forwarded statement without its constants and comments must be harmless
        if (plan.kind === "forward") {
          assert.doesNotMatch(plan.normalized.replaceAll(/"[^"]*"/g, '""'), HARMFUL);
        }
      }
    }),
    { numRuns: repetitions(2_000) },
  );
});

Deno.test("planText() never throws for a text, and forwards again what it has forwarded", () => {
  fc.assert(
    fc.property(JUNK, (sql) => {
      for (const plan of plansOf(sql)) {
        if (plan.kind !== "forward") continue;
        const [again, ...others] = plansOf(plan.sql);
        assert.equal(others.length, 0);
        assert(again?.kind === "forward");
        assert.equal(again.sql, plan.sql);
      }
    }),
    { numRuns: repetitions(2_000) },
  );
});
