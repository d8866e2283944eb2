/** PostgreSQL 15 by URL: under the role that `doctor` prints, and under roles that could do more, nothing can be changed. */
import assert from "node:assert/strict";
import { Database, urlUpstream } from "../../../src/postgres/mod.ts";
import { cdmTables, tableDdl } from "../../../src/omop/cdm/mod.ts";
import { ask } from "../../../src/postgres/upstream/mod.ts";
import { cstring, FRONTEND, int32, message } from "../../../src/postgres/wire/message.ts";
import { newSandbox, withServer } from "../../fixtures/server.ts";
import { withGuarded } from "../../fixtures/postgres/guarded.ts";
import { HAS_POSTGRES_15, makeReader, type Postgres15, startPostgres15 } from "./postgres15.ts";
import {
  bind,
  errorOf,
  execute,
  firstColumn,
  parse,
  query,
  RawClient,
  SYNC,
} from "../../fixtures/postgres/raw_client.ts";

const ignore = !HAS_POSTGRES_15;
const ROLES = ["omcp_reader", "cdm_owner", "omcp_admin"];
const RELATIONS = new Set(cdmTables("5.4").map(({ name }) => name));
const CANARY = "canary of another session";
let server: Postgres15;

Deno.test.beforeAll(async function start() {
  if (ignore) return;
  server = await startPostgres15();
  await server.sql(`SET ROLE cdm_owner; ${tableDdl("5.4", "cdm").join("; ")};
    INSERT INTO cdm.person (person_id, gender_concept_id, year_of_birth, race_concept_id, ethnicity_concept_id)
      SELECT g, 8507, 1950 + g % 50, 0, 0 FROM generate_series(1, 1000) g;
    CREATE SEQUENCE cdm.numbers; ANALYZE; RESET ROLE;
    SELECT lo_from_bytea(12345, 'large'); CREATE TABLE public.hidden AS SELECT '${CANARY}'::text AS x`);
  await makeReader(server);
});

Deno.test.afterAll(async function stop() {
  await server?.[Symbol.asyncDispose]();
});

async function withRole(role: string, test: (client: RawClient) => Promise<void>): Promise<void> {
  await withGuarded({
    upstream: urlUpstream(server.url(role)),
    cdmRelations: RELATIONS,
    limits: { statementMs: 20_000 },
    ...(role === "omcp_reader" ? {} : { allowUnsafeRole: role }),
  }, test);
}

/** All that could have been changed, as one text. */
async function state(): Promise<string> {
  const [text] = await server.sql(`SELECT pg_catalog.concat_ws('|',
    (SELECT count(*) || ' ' || sum(year_of_birth) FROM cdm.person), (SELECT is_called FROM cdm.numbers),
    (SELECT string_agg(oid || ' ' || encode(lo_get(oid), 'hex'), ',') FROM pg_largeobject_metadata),
    (SELECT string_agg(r::text, ',' ORDER BY rolname) FROM pg_authid r),
    (SELECT string_agg(s::text, ',' ORDER BY s) FROM pg_db_role_setting s),
    (SELECT string_agg(c.oid::regclass::text, ',' ORDER BY c.oid) FROM pg_class c WHERE c.oid >= 16384),
    (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'),
    (SELECT count(*) FROM pg_prepared_xacts), (SELECT count(*) FROM pg_replication_slots))`);
  return text ?? "";
}

/** Ways to make a session or transaction writable. Some change nothing and are answered so. */
const UNLOCK = [
  "RESET transaction_read_only",
  "SET transaction_read_only TO DEFAULT",
  "SET LOCAL transaction_read_only TO DEFAULT",
  "SET transaction_read_only = off",
  "SET TRANSACTION READ WRITE",
  "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
  "RESET default_transaction_read_only",
  "SET default_transaction_read_only TO DEFAULT",
  "SET default_transaction_read_only = 0",
  "RESET ALL",
  "DISCARD ALL",
  "SELECT set_config('transaction_read_only', 'off', false)",
  "SELECT set_config('transaction_read_only', 'off', true)",
  "SELECT pg_catalog.set_config('default_transaction_read_only', '0'::numeric(2,-1)::text, false)",
  "SELECT set_config(name, 'off', false) FROM pg_settings WHERE name ~ 'read_only'",
  "ROLLBACK AND CHAIN; SET TRANSACTION READ WRITE",
  "COMMIT; BEGIN READ WRITE",
  "START TRANSACTION READ WRITE, ISOLATION LEVEL SERIALIZABLE",
];

/** Each must give an error. */
const FORBIDDEN = [
  "INSERT INTO cdm.person SELECT * FROM cdm.person",
  "WITH d AS (DELETE FROM cdm.person RETURNING 1) SELECT * FROM d",
  "EXPLAIN ANALYZE DELETE FROM cdm.person",
  "SELECT * FROM cdm.person FOR UPDATE",
  "SELECT nextval('cdm.numbers')",
  "SELECT setval('cdm.numbers', 7)",
  "CREATE TEMP TABLE t (x int)",
  "SELECT 1 INTO t",
  "ALTER ROLE CURRENT_USER SET statement_timeout = 0",
  "SET ROLE omcp_admin",
  "DO 'BEGIN END'",
  "COPY cdm.person FROM PROGRAM 'true'",
  "COPY (SELECT 1) TO '/tmp/omcp_test_file'",
  "PREPARE TRANSACTION 'x'",
  "SELECT lo_create(0)",
  "SELECT lo_from_bytea(0, 'x')",
  "SELECT lo_put(12345, 0, 'x')",
  "SELECT lo_unlink(12345)",
  "SELECT lo_get(12345)",
  "SELECT loread(lo_open(12345, 262144), 100)",
  "SELECT lo_export(12345, '/tmp/omcp_test_file')",
  "SELECT data FROM pg_largeobject",
  "SELECT query FROM pg_stat_activity",
  "SELECT pg_stat_get_backend_activity(1)",
  "SELECT pg_stat_get_activity(NULL)",
  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
  "SELECT pg_cancel_backend(1)",
  "SELECT pg_log_backend_memory_contexts(1)",
  "SELECT x FROM public.hidden",
  "SELECT query_to_xml('SELECT x FROM public.hidden', true, true, '')",
  "SELECT table_to_xml('public.hidden', true, true, '')",
  "SELECT pg_read_file('PG_VERSION')",
  "SELECT pg_ls_dir('.')",
  "SELECT pg_reload_conf()",
  "SELECT pg_switch_wal()",
  "SELECT pg_backup_start('x')",
  "SELECT pg_create_restore_point('x')",
  "SELECT pg_create_physical_replication_slot('x')",
  "SELECT pg_logical_emit_message(false, 'x', 'y')",
  "SELECT pg_notify('x', 'y')",
  "LISTEN x",
  "SELECT pg_advisory_lock(1)",
  "SELECT pg_sleep(1) FROM pg_authid",
  "SELECT rolpassword FROM pg_authid",
  "SELECT set_config('standard_conforming_strings', '1'::numeric(2,-1)::text, true)",
  "SELECT set_config('search_path', 'public', false)",
  "SELECT set_config('statement_timeout', '0', false)",
  "SET statement_timeout TO 0",
];

for (const role of ROLES) {
  Deno.test({
    name: `PostgreSQL 15 under ${role}: READ ONLY stays, and nothing is changed or shown that must not be`,
    ignore,
    async fn() {
      const before = await state();
      // Whose SQL must not be seen.
      const other = await urlUpstream(server.url(role)).connect({}, AbortSignal.timeout(60_000));
      await other.write(message(FRONTEND.query, cstring(`SELECT '${CANARY}', pg_sleep(600)`)));
      let seen = "";
      const look = (answer: readonly { readonly body: Uint8Array }[]): void => {
        for (const { body } of answer) seen += new TextDecoder().decode(body);
      };
      try {
        await withRole(role, async (client) => {
          for (const within of [false, true]) {
            for (const sql of UNLOCK) {
              await client.query(within ? "ROLLBACK; BEGIN" : "ROLLBACK");
              const answer = await client.query(sql);
              look(answer);
              // In a failed transaction nothing can be asked, and nothing written.
              if (errorOf(answer) === undefined) {
                assert.deepEqual(firstColumn(await client.query("SHOW transaction_read_only")), ["on"], sql);
              }
              const write = await client.query("DELETE FROM cdm.person; SELECT lo_create(0)");
              assert.notEqual(errorOf(write), undefined, sql);
              await client.query("ROLLBACK");
              await client.query("BEGIN");
              assert.deepEqual(firstColumn(await client.query("SHOW transaction_read_only")), ["on"], sql);
            }
          }
          await client.query("ROLLBACK");
          for (const sql of FORBIDDEN) {
            const answer = await client.query(sql);
            look(answer);
            assert.notEqual(errorOf(answer), undefined, sql);
            await client.send(parse("", sql), bind("", ""), execute(""), SYNC);
            const extended = await client.until("Z");
            look(extended);
            assert.notEqual(errorOf(extended), undefined, sql);
          }
          // A hole that the guard once had: a setting that is changed within a pipeline, then a literal that ends elsewhere.
          const change = "SELECT set_config('standard_conforming_strings', '1'::numeric(2,-1)::text, true)";
          await client.send(
            parse("", change),
            bind("", ""),
            execute(""),
            query("SELECT '\\', $$ ; DELETE FROM cdm.person; --$$"),
            SYNC,
          );
          await client.until("Z");
          look(await client.query("SELECT 1"));
        });
      } finally {
        other.close();
      }
      assert.ok(!seen.includes(CANARY));
      assert.equal(await state(), before);
    },
  });
}

Deno.test({ name: "PostgreSQL 15 refuses to serve under roles that could write", ignore }, async () => {
  for (const role of ["cdm_owner", "omcp_admin"]) {
    const opened = Database.open({
      upstream: urlUpstream(server.url(role)),
      cdmSchema: "cdm",
      cdmRelations: RELATIONS,
      audit: () => {},
    });
    await assert.rejects(opened, { code: "database_unsafe_role" });
  }
});

Deno.test(
  { name: "PostgreSQL 15 answers every query on its catalogs that the guard allows", ignore },
  async () => {
    const columns = await server.sql(
      `SELECT pg_catalog.format('SELECT x.%I FROM %s x LIMIT 1', a.attname, c.oid::regclass)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.attnum > 0 AND c.relkind IN ('r', 'v')
    AND c.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)`,
    );
    await withRole("omcp_reader", async (client) => {
      let passed = 0;
      for (const sql of columns) {
        const error = errorOf(await client.query(sql ?? ""));
        if (error === undefined) passed += 1;
        // Refused by the guard, or because the role lacks a privilege: never a column or relation that is not there.
        else assert.match(error.sqlstate, /^(42501|42P01)$/, `${sql}: ${error.message}`);
      }
      assert.ok(passed > 300, `${passed} of ${columns.length}`);
      // What is 15's own.
      assert.equal(errorOf(await client.query("SELECT colliculocale FROM pg_collation LIMIT 1")), undefined);
    });
  },
);

Deno.test(
  { name: "the role SQL that doctor prints runs as it is, and sets the bounds of a session", ignore },
  async () => {
    const signal = AbortSignal.timeout(60_000);
    const session = await urlUpstream(server.url("omcp_reader")).connect({}, signal);
    try {
      for (
        const name of [
          "work_mem",
          "temp_file_limit",
          "statement_timeout",
          "idle_in_transaction_session_timeout",
        ]
      ) {
        const sql = `SELECT setting, boot_val FROM pg_settings WHERE name = '${name}'`;
        const [[setting, otherwise] = []] = await ask(session, sql, signal);
        assert.match(setting ?? "", /^[1-9]/, name);
        assert.notEqual(setting, otherwise, name);
      }
      assert.deepEqual(await ask(session, "SHOW temp_file_limit", signal), [["5GB"]]);
      await assert.rejects(ask(session, "SET temp_file_limit TO -1", signal), { code: "database_refused" });
    } finally {
      session.close();
    }
  },
);

Deno.test({ name: "PostgreSQL 15 ends a statement over its cost, with parameters too", ignore }, async () => {
  await withRole("omcp_reader", async (client) => {
    const cross = "SELECT count(*) FROM person a, person b, person c, person d, person e";
    assert.equal(errorOf(await client.query(cross))?.sqlstate, "53400");
    const typed = message(
      FRONTEND.parse,
      cstring(""),
      cstring(`${cross} WHERE a.person_id > $1`),
      Uint8Array.of(0, 1),
      int32(20),
    );
    await client.send(typed, SYNC);
    assert.equal(errorOf(await client.until("Z"))?.sqlstate, "53400");
    const joined = "SELECT count(*) FROM person a JOIN person b USING (person_id) WHERE a.person_id > $1";
    await client.send(message(FRONTEND.parse, cstring(""), cstring(joined), Uint8Array.of(0, 0)), SYNC);
    assert.equal(errorOf(await client.until("Z")), undefined);
  });
});

Deno.test({ name: "the server serves PostgreSQL 15 by URL", ignore }, async () => {
  const environment = { OMCP_DATABASE_URL: server.url("omcp_reader"), OMCP_DISCLOSURE: "open" };
  await withServer(environment, async (running) => {
    const sandbox_id = await newSandbox(running);
    const counted = await running.call("query_omop", {
      sandbox_id,
      table: "person",
      aggregates: [{ fn: "count", as: "n" }],
      into: "counted",
    });
    assert.equal(counted.isError, false, counted.text);
    const code = `
import pandas as pd, sqlalchemy as sa
engine = sa.create_engine("postgresql+psycopg://")
print(int(counted["n"].iloc[0]), len(pd.read_sql_table("person", engine, schema="cdm")), engine.dialect.server_version_info[0])`;
    const reply = await running.call("execute_python_code", { sandbox_id, code });
    assert.match(reply.text, /1000 1000 15/);
  }, { databaseHost: `127.0.0.1:${server.port}` });
});
