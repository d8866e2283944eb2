import assert from "node:assert/strict";
import { queryError } from "../../../../src/cdm/query_runner/query_error.ts";

/** What psycopg reports, with the expected code and next step. */
const ANSWERS: readonly [string | null, string, string, RegExp][] = [
  [
    null,
    "connection failed: FATAL:  too many connections: this sandbox has 8 connections open\n" +
    "HINT:  Close those that are not needed: engine.dispose().",
    "database_refused",
    /^Close those that are not needed: engine\.dispose\(\)\.$/,
  ],
  [
    null,
    "FATAL:  all 64 connections of this server are taken\nHINT:  Try again in a moment.",
    "database_unavailable",
    /^Try again in a moment\.$/,
  ],
  [null, "connection refused", "database_unavailable", /^Try again in a moment\.$/],
  ["08006", "the connection to the database was lost", "database_unavailable", /^Try again/],
  ["57P03", "the database is starting up: try again", "database_unavailable", /^Try again/],
  ["58030", "cannot write its audit", "database_unavailable", /^Ask the server's operator/],
  ["58000", "failed\nHINT:  Shorten the text", "database_unavailable", /^Ask the server's operator/],
  ["53400", "the result is too large\nHINT:  Aggregate in SQL", "database_refused", /^Aggregate in SQL\.$/],
  ["22012", "division by zero", "database_refused", /^Divide by nullif\(…, 0\)\.$/],
  [
    "22P02",
    'invalid input syntax for type integer: "x"',
    "database_refused",
    /^Convert or leave out the value/,
  ],
  ["42P01", 'relation "persons" does not exist', "database_refused", /^Look up the table: describe_cdm/],
  ["XX000", "something else", "database_refused", /^Correct what the message names/],
];

for (const [sqlstate, message, code, next] of ANSWERS) {
  Deno.test(`queryError() has a next step that fits ${sqlstate ?? "no SQLSTATE"}: ${message}`, () => {
    const error = queryError({ sqlstate, message });
    assert.equal(error.code, code);
    assert.match(error.next ?? "", next);
    assert.doesNotMatch(error.message, code === "database_refused" ? /HINT/ : /^$/);
  });
}

Deno.test("queryError() names the line of a syntax error without the mark under it", () => {
  const message = 'syntax error at or near "form"\nLINE 2: select * form person\n                 ^';
  const error = queryError({ sqlstate: "42601", message });
  assert.equal(
    error.message,
    'The database reported: syntax error at or near "form" (line 2: select * form person)',
  );
  assert.equal(error.next, "Correct the syntax, which is PostgreSQL's.");
});
