import assert from "node:assert/strict";
import { ALLOWED } from "../../../fixtures/postgres/allowed.ts";
import { planOf, plansOf, sentFor } from "../../../fixtures/postgres/planning.ts";

for (const [command, statements] of Object.entries(ALLOWED)) {
  for (const sql of statements) {
    Deno.test(`planText() lets through as ${command}: ${sql}`, () => {
      const plan = planOf(sql);
      assert.equal(plan.kind, "forward", plan.kind === "refuse" ? plan.message : "");
      assert.equal(plan.kind === "forward" ? plan.command : "", command);
    });
  }
}

Deno.test("planText() makes every transaction READ ONLY", () => {
  assert.equal(sentFor("BEGIN"), "BEGIN READ ONLY");
  assert.equal(
    sentFor("start transaction isolation level serializable, not deferrable"),
    "START TRANSACTION ISOLATION LEVEL SERIALIZABLE, NOT DEFERRABLE, READ ONLY",
  );
  assert.equal(sentFor("BEGIN READ ONLY, READ ONLY"), "BEGIN READ ONLY");
});

Deno.test("planText() writes savepoint names of its own", () => {
  assert.equal(sentFor('SAVEPOINT "a""; DROP TABLE x; --"'), 'SAVEPOINT "a""; DROP TABLE x; --"');
});

Deno.test("planText() qualifies functions at their byte offset, and only those", () => {
  assert.equal(
    sentFor("SELECT 'é€😀', upper('ß'), lower /* x */ ('É')"),
    "SELECT 'é€😀', pg_catalog.upper('ß'), pg_catalog.lower /* x */ ('É')",
  );
  assert.equal(
    sentFor('SELECT "upper"(U&"low\\0065r"(\'A\'))'),
    'SELECT pg_catalog."upper"(pg_catalog.U&"low\\0065r"(\'A\'))',
  );
  assert.equal(
    sentFor("SELECT left('a', 1), pg_catalog.right('a', 1)"),
    "SELECT pg_catalog.left('a', 1), pg_catalog.right('a', 1)",
  );
  const special =
    "SELECT extract(year FROM x), substring('a' FROM 1), coalesce(1, 2), current_date FROM (VALUES (1)) v(x)";
  assert.equal(sentFor(special), special);
});

Deno.test("planText() calls the site's own functions where they are listed", () => {
  const policy = { cdmSchema: "cdm", relations: new Set(["person"]), extraFunctions: ["Site X.age_at"] };
  assert.equal(sentFor("SELECT age_at(1)", policy), 'SELECT "Site X".age_at(1)');
  assert.equal(sentFor('SELECT "Site X".age_at(1)', policy), 'SELECT "Site X".age_at(1)');
  assert.equal(planOf("SELECT cdm.age_at(1)", "simple", policy).kind, "refuse");
  assert.equal(planOf("SELECT pg_catalog.age_at(1)", "simple", policy).kind, "refuse");
});

Deno.test("planText() gives each statement of a text its own plan and text", () => {
  const plans = plansOf("BEGIN; SELECT 'é;' ; DELETE FROM person; -- end\nSELECT upper('ü');;");
  assert.deepEqual(plans.map((plan) => plan.kind === "forward" ? plan.sql : plan.sqlstate), [
    "BEGIN READ ONLY",
    "SELECT 'é;'",
    "25006",
    "SELECT pg_catalog.upper('ü')",
  ]);
});

Deno.test("planText() takes asyncpg's reset", () => {
  const plans = plansOf("SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;");
  assert.deepEqual(plans.map((plan) => plan.kind === "forward" ? plan.command : plan.message), [
    "select",
    "close",
    "unlisten",
    "reset",
  ]);
});

Deno.test("planText() has no plan for an empty text", () => {
  for (const sql of ["", " ", ";", ";;\n", "-- nothing", "/* nothing */ ;"]) {
    assert.deepEqual(plansOf(sql), []);
  }
});

Deno.test("planText() refuses several statements in the extended protocol", () => {
  const [plan, ...others] = plansOf("SELECT 1; SELECT 2", "extended");
  assert.equal(others.length, 0);
  assert(plan?.kind === "refuse");
  assert.equal(plan.sqlstate, "42601");
});

Deno.test("planText() lets SQLAlchemy compare a table's access method with a setting named by a parameter", () => {
  const compared = "SELECT pg_catalog.pg_am.amname != current_setting($1::VARCHAR) FROM pg_catalog.pg_am";
  assert.equal(planOf(compared, "extended").kind, "forward");
  assert.equal(planOf("SELECT current_setting($1::VARCHAR)", "extended").kind, "refuse");
  assert.equal(
    planOf("SELECT a.amname != current_setting($1) FROM pg_catalog.pg_am a", "extended").kind,
    "refuse",
  );
});

Deno.test("planText() does not reveal the names of other databases", () => {
  assert.equal(
    sentFor("select datname from pg_catalog.pg_database"),
    "SELECT pg_catalog.current_database() AS datname",
  );
});

Deno.test("planText() lets snapshots pass to a broker that distinguishes them, and refuses them otherwise", () => {
  const scoped = { cdmSchema: "cdm", relations: new Set(["person"]), snapshots: true };
  const exporting =
    "SELECT pg_is_in_recovery(), pg_export_snapshot(), (select count(*) from pg_stat_wal_receiver)";
  const importing = "SET TRANSACTION SNAPSHOT '00000003-0000001B-1'";
  for (const sql of [exporting, importing]) assert.equal(planOf(sql).kind, "refuse");
  const [exported, imported] = [planOf(exporting, "simple", scoped), planOf(importing, "simple", scoped)];
  assert(exported.kind === "forward" && imported.kind === "forward");
  assert.equal(exported.command, "export_snapshot");
  assert.equal(imported.argument, "00000003-0000001B-1");
  assert.equal(planOf("SET TRANSACTION SNAPSHOT '../x'", "simple", scoped).kind, "refuse");
  assert.equal(planOf("SELECT pg_export_snapshot()", "simple", scoped).kind, "refuse");
});
