/** How the guard refuses functions: those of other dialects, typing errors, and those that are not permitted. */
import assert from "node:assert/strict";
import { REPLACEMENTS } from "../../../../src/postgres/guard/dialects.ts";
import { FUNCTIONS } from "../../../../src/postgres/guard/functions.ts";
import { planOf, POLICY, refusalOf, sentFor } from "../../../fixtures/postgres/planning.ts";

Deno.test("a function of another dialect does not exist, and the hint has the replacement", () => {
  for (
    const [sql, hint] of [
      ["SELECT datediff(day, a, b) FROM person", /end_date - start_date/],
      ["SELECT dateadd(day, 30, a) FROM person", /start_date \+ 30/],
      ["SELECT getdate()", /now\(\)/],
      ["SELECT isnull(year_of_birth, 0) FROM person", /coalesce/],
      ["SELECT nvl(year_of_birth, 0) FROM person", /coalesce/],
      ["SELECT year(birth_datetime) FROM person", /extract\(year FROM/],
      ["SELECT len('a')", /length\(text\)/],
      ["SELECT charindex('a', 'b')", /strpos/],
      ["SELECT iif(true, 1, 2)", /CASE WHEN/],
      ["SELECT date_diff(a, b) FROM person", /end_date - start_date/],
      ["SELECT pg_catalog.getdate()", /now\(\)/],
      ["SELECT GETDATE()", /now\(\)/],
    ] as const
  ) {
    const refusal = refusalOf(sql);
    assert.match(refusal.message, /^function \S+\(\) does not exist in PostgreSQL$/, sql);
    assert.equal(refusal.sqlstate, "42883", sql);
    assert.match(refusal.hint ?? "", hint, sql);
  }
  assert.match(refusalOf("SELECT TOP 10 * FROM person").hint ?? "", /LIMIT 10/);
});

Deno.test("a misspelt function does not exist, and the hint has the closest allowed one", () => {
  assert.match(refusalOf("SELECT avgg(1)").hint ?? "", /Perhaps avg\(\) is meant/);
  assert.match(refusalOf("SELECT coutn(1)").hint ?? "", /Perhaps count\(\) is meant/);
  const policy = { ...POLICY, extraFunctions: ["site.egfr_ckd"] };
  assert.match(refusalOf("SELECT egfr_ckdd(1)", policy).hint ?? "", /Perhaps egfr_ckd\(\) is meant/);
  assert.doesNotMatch(refusalOf("SELECT zzzzqqqq(1)").hint ?? "", /Perhaps/);
});

Deno.test("a function that PostgreSQL has keeps its refusal", () => {
  for (
    const name of ["pg_sleep", "lo_import", "query_to_xml", "nextval", "ts_stat", "dblink.run", "public.avgg"]
  ) {
    const refusal = refusalOf(`SELECT ${name}('x')`);
    assert.match(refusal.message, /^permission denied for function /, name);
    assert.equal(refusal.sqlstate, "42501", name);
  }
});

Deno.test("every replacement is SQL that the guard accepts, for a name that it does not", () => {
  const names = [...REPLACEMENTS.keys()];
  for (const [name, replacements] of REPLACEMENTS) {
    assert(!FUNCTIONS.has(name) || name === "decode", name);
    for (const replacement of replacements) {
      const plan = planOf(`SELECT ${replacement} FROM person`);
      assert.equal(plan.kind, "forward", `${name}: ${replacement}`);
    }
  }
  assert.equal(new Set(names).size, names.length);
  sentFor("SELECT decode('YQ==', 'base64')");
});
