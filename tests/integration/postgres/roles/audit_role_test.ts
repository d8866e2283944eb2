import assert from "node:assert/strict";
import { OmcpError } from "../../../../src/errors.ts";
import {
  auditRole,
  readerRoleSql,
  requireSafeRole,
  type RoleReport,
} from "../../../../src/postgres/roles/mod.ts";
import { urlUpstream } from "../../../../src/postgres/upstream/mod.ts";
import { startPostgres, type TestPostgres } from "../../../fixtures/postgres/test_postgres.ts";

let server: TestPostgres;

Deno.test.beforeAll(async function start() {
  server = await startPostgres({ password: "pw" });
  await server.sql(
    "CREATE SCHEMA IF NOT EXISTS cdm; CREATE TABLE IF NOT EXISTS cdm.person (person_id bigint)",
  );
});

Deno.test.afterAll(async function stop() {
  await server.stop();
});

async function look(url = server.url): Promise<RoleReport> {
  const signal = AbortSignal.timeout(60_000);
  const session = await urlUpstream(url).connect({}, signal);
  try {
    return await auditRole(session, "cdm", signal);
  } finally {
    session.close();
  }
}

function unsafe(report: RoleReport): string[] {
  return report.problems.filter((problem) => problem.severity === "unsafe").map((problem) => problem.kind);
}

Deno.test("auditRole() finds nothing wrong with the image's role", async () => {
  assert.deepEqual((await look()).problems, []);
});

Deno.test("auditRole() finds each right that a sandbox's role must not have", async () => {
  const cases: readonly (readonly [kind: string, give: string, takeBack: string])[] = [
    ["attributes", "ALTER ROLE omcp_reader CREATEROLE", "ALTER ROLE omcp_reader NOCREATEROLE"],
    [
      "memberships",
      "GRANT pg_read_server_files TO omcp_reader",
      "REVOKE pg_read_server_files FROM omcp_reader",
    ],
    [
      "write_grants",
      "GRANT UPDATE ON cdm.person TO omcp_reader",
      "REVOKE UPDATE ON cdm.person FROM omcp_reader",
    ],
    [
      "write_grants",
      "GRANT INSERT (person_id) ON cdm.person TO PUBLIC",
      "REVOKE INSERT (person_id) ON cdm.person FROM PUBLIC",
    ],
    [
      "write_grants",
      "CREATE ROLE writer; GRANT DELETE ON cdm.person TO writer; GRANT writer TO omcp_reader",
      "DROP OWNED BY writer; DROP ROLE writer",
    ],
    ["write_grants", "CREATE SEQUENCE cdm.s; GRANT USAGE ON cdm.s TO omcp_reader", "DROP SEQUENCE cdm.s"],
    [
      "create_on_database",
      "GRANT TEMPORARY ON DATABASE cdm TO PUBLIC",
      "REVOKE TEMPORARY ON DATABASE cdm FROM PUBLIC",
    ],
    [
      "create_on_schema",
      "GRANT CREATE ON SCHEMA public TO PUBLIC",
      "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    ],
    ["ownership", "CREATE TABLE cdm.own (); ALTER TABLE cdm.own OWNER TO omcp_reader", "DROP TABLE cdm.own"],
    [
      "security_definer",
      "CREATE FUNCTION cdm.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'; GRANT EXECUTE ON FUNCTION cdm.f() TO PUBLIC; GRANT USAGE ON SCHEMA cdm TO omcp_reader",
      "DROP FUNCTION cdm.f()",
    ],
    [
      "shadows",
      "CREATE FUNCTION cdm.lower(varchar) RETURNS text LANGUAGE sql AS 'SELECT 1::text'",
      "DROP FUNCTION cdm.lower(varchar)",
    ],
    [
      "shadows",
      "CREATE OPERATOR cdm.= (LEFTARG = int8, RIGHTARG = text, FUNCTION = pg_catalog.texteq)",
      "SELECT 1",
    ],
    [
      "parameters",
      "GRANT SET ON PARAMETER session_replication_role TO omcp_reader",
      "REVOKE SET ON PARAMETER session_replication_role FROM omcp_reader",
    ],
  ];
  for (const [kind, give, takeBack] of cases) {
    try {
      await server.sql(give);
    } catch (error) {
      // The server refuses an operator whose function does not fit: then there is nothing to find.
      if (kind === "shadows") continue;
      throw error;
    }
    assert.ok(unsafe(await look()).includes(kind), `${kind} after ${give}`);
    await server.sql(takeBack);
  }
  assert.deepEqual(unsafe(await look()), []);
});

Deno.test("requireSafeRole() refuses a superuser, with the SQL that makes a right role", async () => {
  const report = await look(server.adminUrl);
  assert.ok(unsafe(report).includes("attributes"));
  const options = { cdmSchema: "cdm" };
  assert.throws(() => requireSafeRole(report, options), (error) => {
    assert.ok(error instanceof OmcpError);
    assert.equal(error.code, "database_unsafe_role");
    assert.match(error.message, /omcp_admin: SUPERUSER/);
    assert.ok(error.next?.includes(readerRoleSql({ role: "omcp_reader", schema: "cdm", database: "cdm" })));
    return true;
  });
  requireSafeRole(report, { ...options, allowUnsafeRole: "omcp_admin" });
  assert.throws(() => requireSafeRole(report, { ...options, allowUnsafeRole: "another" }));
});

Deno.test("readerRoleSql() makes a role that is safe", async () => {
  await server.sql("GRANT TEMPORARY ON DATABASE cdm TO PUBLIC; GRANT CREATE ON SCHEMA public TO PUBLIC");
  await server.sql(
    readerRoleSql({ role: 'a "reader"', schema: "cdm", database: "cdm" }).replace(/^--.*$/gm, ""),
  );
  await server.sql(`ALTER ROLE "a ""reader""" PASSWORD 'pw'`);
  const report = await look(server.url.replace("omcp_reader", "a%20%22reader%22"));
  assert.equal(report.role, 'a "reader"');
  assert.deepEqual(unsafe(report), []);
});
