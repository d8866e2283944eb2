/** The SQL of `hostile_sql.ts` against the protective layers: it must change nothing, even if any one layer is missing. */
import assert from "node:assert/strict";
import { newSandbox, PROJECT, withServer } from "../../fixtures/server.ts";
import { Bridge } from "../../fixtures/postgres/bridge.ts";
import { startPostgres, type TestPostgres } from "../../fixtures/postgres/test_postgres.ts";
import type { StatementPlanner } from "../../../src/postgres/broker/mod.ts";
import { RawClient } from "../../fixtures/postgres/raw_client.ts";
import { ALL_HOSTILE, LETTERS_LIKE_SPACES } from "./hostile_sql.ts";

let server: TestPostgres;

Deno.test.beforeAll(async function start() {
  server = await startPostgres({ tls: true, password: "pw", sample: true });
  await server.sql(`ALTER SYSTEM SET autovacuum = off; `);
  await server.sql(
    `SELECT pg_reload_conf(); CREATE SCHEMA site; CREATE TABLE site.secret AS SELECT 'hidden'::text AS x;
    CREATE TABLE cdm.secret AS SELECT 'hidden'::text AS x; CREATE TYPE cdm.site_type AS ENUM ('x');
    CREATE FUNCTION cdm.site_function() RETURNS text LANGUAGE sql AS $$ SELECT 'hidden' $$;
    CREATE FUNCTION cdm.site_row_function(cdm.person) RETURNS text LANGUAGE sql AS $$ SELECT 'hidden' $$;
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA cdm TO omcp_reader; GRANT USAGE ON TYPE cdm.site_type TO omcp_reader`,
  );
});

Deno.test.afterAll(async function stop() {
  await server.stop();
});

/** A hash of all tables of the site's schemas and of the catalogs, without columns that maintenance changes. */
async function contents(): Promise<string> {
  const tables = await server.sql(
    `SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
      WHERE relkind = 'r' AND (nspname IN ('cdm', 'site', 'public') OR nspname = 'pg_catalog' AND relname <> 'pg_statistic')
      ORDER BY 1`,
  );
  const volatile =
    "'{relpages,reltuples,relallvisible,relfrozenxid,relminmxid,relhasindex,datfrozenxid,datminmxid}'::text[]";
  const hashes = tables.split("\n").map((table) =>
    `SELECT '${table}', count(*), md5(string_agg((to_jsonb(t) - ${volatile})::text, '' ORDER BY (to_jsonb(t) - ${volatile})::text)) FROM ${table} t`
  );
  return await server.sql(`${hashes.join(" UNION ALL ")} ORDER BY 1`);
}

/** Runs every statement in the simple and in the extended query protocol, each on its own connection; prints those that were not refused. */
const ATTACK = `
import json, psycopg
statements = json.loads(open("/workspace/statements.json").read())
passed = []
for sql in statements:
    for extended in (False, True):
        with psycopg.connect(autocommit=True) as c:
            pg = c.pgconn
            result = pg.exec_params(sql.encode(), []) if extended else pg.exec_(sql.encode())
            if result.status != psycopg.pq.ExecStatus.FATAL_ERROR:
                passed.append([sql, extended])
            c.rollback()
print(json.dumps(passed))
`;

const READ = `
import json, psycopg
values = []
for sql in json.loads(open("/workspace/statements.json").read()):
    with psycopg.connect() as c:
        values.append(c.execute(sql).fetchall())
print(json.dumps(values))
`;

async function attackFromSandbox(environment: Record<string, string>): Promise<void> {
  const launch = { databaseHost: `127.0.0.1:${server.port}`, databaseFiles: [server.caPath ?? PROJECT] };
  const before = await contents();
  await withServer({ OMCP_DISCLOSURE: "open", OMCP_WAIT_SECONDS: "110", ...environment }, async (omcp) => {
    const sandbox_id = await newSandbox(omcp);
    const run = async (statements: readonly string[], code: string): Promise<unknown> => {
      const write = `open("/workspace/statements.json", "w").write(${
        JSON.stringify(JSON.stringify(statements))
      })\n`;
      const reply = await omcp.call("execute_python_code", { sandbox_id, code: write + code, timeout: 120 });
      assert.equal(reply.isError, false, reply.text);
      return JSON.parse(reply.text.split("\n").find((line) => line.startsWith("[[") || line === "[]") ?? "");
    };
    assert.deepEqual(await run(ALL_HOSTILE, ATTACK), []);
    assert.deepEqual(await run(LETTERS_LIKE_SPACES, READ), [[[1]], [[1]]]);
    const alive = await omcp.call("query_omop", { sandbox_id, table: "person", limit: 1 });
    assert.equal(alive.isError, false, alive.text);
  }, launch);
  assert.equal(await contents(), before);
}

/** Simulates a guard that was bypassed: each text goes to the server unchanged. */
const forwardAll: StatementPlanner = {
  parameterTypes: new Set([0]),
  plan: (sql) => Promise.resolve([{ kind: "forward", sql, command: "show", places: [], normalized: "" }]),
};

Deno.test("hostile SQL from a sandbox is refused, in both protocols, and changes nothing", async () => {
  assert.ok(ALL_HOSTILE.length >= 120, `${ALL_HOSTILE.length} statements`);
  await attackFromSandbox({ OMCP_DATABASE_URL: server.url });
});

Deno.test("hostile SQL changes nothing with a role that may write: guard and read-only transactions suffice", async () => {
  await attackFromSandbox({ OMCP_DATABASE_URL: server.adminUrl, OMCP_UNSAFE_ROLE: "omcp_admin" });
});

Deno.test("hostile SQL changes nothing with a guard that allows everything: role and session suffice", async () => {
  const before = await contents();
  await using bridge = new Bridge({ url: server.url, planner: forwardAll });
  let refused = 0;
  for (const sql of ALL_HOSTILE) {
    const { client } = await RawClient.start(bridge.port);
    const answers = await client.query(sql);
    if (answers.some(({ type }) => type === "E")) refused += 1;
    await client[Symbol.asyncDispose]();
  }
  assert.equal(await contents(), before);
  // The rest only reads what is not secret: settings, clocks, names.
  assert.ok(refused > ALL_HOSTILE.length / 2, `${refused} were refused`);
});
