/** Members of the guard's classes of attacks that no list of its authors has, from inside a sandbox, on PostgreSQL 17 and 15. */
import assert from "node:assert/strict";
import { urlUpstream } from "../../../../src/postgres/mod.ts";
import { cstring, FRONTEND, message } from "../../../../src/postgres/wire/message.ts";
import { newSandbox, withServer } from "../../../fixtures/server.ts";
import { startPostgres } from "../../../fixtures/postgres/test_postgres.ts";
import { HAS_POSTGRES_15, makeReader, startPostgres15 } from "../../../integration/postgres/postgres15.ts";
import ATTACKS from "./guard_attacks.py" with { type: "text" };
import TEXTS from "./guard_texts.py" with { type: "text" };
import WIRE from "./wire.py" with { type: "text" };

const CANARY = "canary9e1d";
/** How long all attacks may take in one sandbox, in seconds. */
const DEADLINE_SECONDS = 120;

/** What must not be seen, run or changed. No name has the canary, so that a refusal can repeat the request. */
const SETUP = `CREATE EXTENSION IF NOT EXISTS plpgsql; CREATE SCHEMA IF NOT EXISTS cdm; CREATE SCHEMA site;
  GRANT USAGE ON SCHEMA cdm, site TO PUBLIC; ALTER DATABASE cdm SET track_functions = 'all';
  CREATE TABLE cdm.person AS SELECT g::bigint AS person_id FROM generate_series(1, 9) g;
  CREATE FUNCTION site.ran(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN length('${CANARY}') > 0; END $$;
  CREATE FUNCTION site.step(int, bigint) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;
  CREATE AGGREGATE site.total(bigint) (SFUNC = site.step, STYPE = int, INITCOND = 0);
  CREATE FUNCTION site.same(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN true; END $$;
  CREATE OPERATOR site.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = site.same);
  CREATE FUNCTION cdm.shown(cdm.person) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN '${CANARY}'; END $$;
  CREATE DOMAIN site.dom AS text CHECK (site.ran(VALUE)); CREATE DOMAIN cdm.dom AS site.dom;
  CREATE DOMAIN site.list AS text[] CHECK (site.ran(VALUE::text));
  CREATE TYPE site.mood AS ENUM ('x', '${CANARY}'); CREATE TYPE site.pair AS (a site.dom, b text);
  CREATE TABLE site.secret AS SELECT '${CANARY}'::text AS x; CREATE TABLE public.hidden AS TABLE site.secret;
  CREATE TABLE cdm.hidden (x text DEFAULT '${CANARY}', z text, CHECK (x <> '${CANARY}x')); INSERT INTO cdm.hidden DEFAULT VALUES;
  CREATE STATISTICS cdm.hidden_statistics ON (x || '${CANARY}'), z FROM cdm.hidden; CREATE INDEX ON cdm.hidden ((x || '${CANARY}'));
  CREATE VIEW cdm.hidden_view AS SELECT '${CANARY}' AS x; CREATE VIEW cdm.death AS SELECT x FROM site.secret WHERE x <> '${CANARY}';
  CREATE TABLE cdm.note (x text, person_id bigint); ALTER TABLE cdm.note ENABLE ROW LEVEL SECURITY;
  INSERT INTO cdm.note VALUES ('seen'); CREATE POLICY own ON cdm.note USING (x <> '${CANARY}');
  CREATE TABLE cdm.later (x text); INSERT INTO cdm.later VALUES ('a'); ALTER TABLE cdm.later ADD late text DEFAULT '${CANARY}';
  CREATE RULE quiet AS ON INSERT TO cdm.later DO ALSO SELECT '${CANARY}'; CREATE SEQUENCE site.numbers;
  CREATE PROCEDURE site.change() LANGUAGE plpgsql AS $$ BEGIN DELETE FROM cdm.person; COMMIT; END $$;
  COMMENT ON SCHEMA site IS '${CANARY}'; COMMENT ON FUNCTION site.ran(text) IS '${CANARY}'; COMMENT ON TABLE cdm.hidden IS '${CANARY}';
  GRANT SELECT ON ALL TABLES IN SCHEMA cdm TO omcp_reader; GRANT USAGE ON TYPE site.dom, site.mood, site.pair TO PUBLIC;
  SELECT lo_from_bytea(12345, '${CANARY}'); ANALYZE`;

/** What an unlisted attack must leave as it was, as one text. */
const STATE =
  `SELECT pg_catalog.concat_ws('|', (SELECT string_agg(p::text, ',') FROM cdm.person p), (SELECT count(*) FROM pg_class),
  (SELECT string_agg(r::text, ',' ORDER BY rolname) FROM pg_authid r), (SELECT string_agg(s::text, ',' ORDER BY s) FROM pg_db_role_setting s),
  (SELECT string_agg(c.oid || ' ' || coalesce(c.reloptions::text, ''), ',' ORDER BY c.oid) FROM pg_class c WHERE c.oid >= 16384),
  (SELECT string_agg(p.oid || ' ' || coalesce(p.proconfig::text, ''), ',' ORDER BY p.oid) FROM pg_proc p WHERE p.oid >= 16384),
  (SELECT string_agg(l.oid || ' ' || encode(lo_get(l.oid), 'hex'), ',') FROM pg_largeobject_metadata l),
  (SELECT is_called FROM site.numbers), (SELECT count(*) FROM pg_prepared_xacts), (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'),
  (SELECT count(*) FROM pg_file_settings), (SELECT count(*) FROM pg_replication_slots))`;
/** Each call of the site's code. Statistics of a session arrive with its end at the latest. */
const CALLS =
  "SELECT coalesce(string_agg(funcname || ' ' || calls, ','), '') FROM pg_stat_user_functions WHERE schemaname IN ('cdm', 'site')";
const TYPES =
  `SELECT json_object_agg(format('%s.%s', n.nspname, t.typname), t.oid::bigint) FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace
  WHERE n.nspname IN ('site', 'cdm') OR t.typname IN ('pg_authid', '_pg_class', 'cstring', 'record', '_record', 'internal', 'xml', 'pg_node_tree',
    'regclass', 'regproc', 'regrole', '_regtype', 'aclitem', 'gtsvector', 'anyarray', 'any', 'trigger', 'pg_ddl_command', 'void', 'sql_identifier',
    'cardinal_number', 'yes_or_no', 'pg_mcv_list')`;

interface Target {
  readonly url: string;
  readonly adminUrl: string;
  readonly port: number;
  readonly sql: (text: string) => Promise<string>;
}

async function attack(target: Target): Promise<void> {
  await target.sql(SETUP);
  const oids = await target.sql(TYPES);
  const [before, calls] = [await target.sql(STATE), await target.sql(CALLS)];
  // Another session of the same role, whose SQL must not be seen.
  const other = await urlUpstream(target.url).connect({}, AbortSignal.timeout(60_000));
  try {
    await other.write(message(FRONTEND.query, cstring(`SELECT '${CANARY}', pg_sleep(600)`)));
    const asReader = attackFromSandbox(target, { OMCP_DATABASE_URL: target.url }, oids);
    const asAdmin = attackFromSandbox(target, {
      OMCP_DATABASE_URL: target.adminUrl,
      OMCP_UNSAFE_ROLE: "omcp_admin",
    }, oids);
    for (const result of await Promise.allSettled([asReader, asAdmin])) {
      if (result.status === "rejected") throw result.reason;
    }
  } finally {
    other.close();
  }
  assert.equal(await target.sql(STATE), before);
  assert.equal(await target.sql(CALLS), calls, "the site's code ran");
}

async function attackFromSandbox(
  target: Target,
  environment: Record<string, string>,
  oids: string,
): Promise<void> {
  await withServer(
    { OMCP_DISCLOSURE: "open", OMCP_WAIT_SECONDS: String(DEADLINE_SECONDS), ...environment },
    async (omcp) => {
      const sandbox_id = await newSandbox(omcp);
      const modules = JSON.stringify({ wire: WIRE, guard_texts: TEXTS, guard_attacks: ATTACKS });
      const code = `
for name, text in ${modules}.items():
    open(f"{name}.py", "w").write(text)
import guard_attacks
guard_attacks.run(${oids})`;
      const reply = await omcp.call("execute_python_code", { sandbox_id, code, timeout: DEADLINE_SECONDS });
      const line = reply.text.split("\n").find((line) => line.startsWith('{"count"'));
      assert.notEqual(line, undefined, reply.text);
      const { count, found } = JSON.parse(line ?? "");
      assert.ok(count > 1000, `${count} attacks`);
      assert.deepEqual(found, []);
    },
    { databaseHost: `127.0.0.1:${target.port}` },
  );
}

Deno.test("unlisted attacks from a sandbox show, run and change nothing on PostgreSQL 17, under a reader and a superuser", async () => {
  const server = await startPostgres();
  try {
    await attack(server);
  } finally {
    await server.stop();
  }
});

Deno.test({
  name:
    "unlisted attacks from a sandbox show, run and change nothing on PostgreSQL 15, under a reader and a superuser",
  ignore: !HAS_POSTGRES_15,
  async fn() {
    await using server = await startPostgres15();
    await makeReader(server);
    const sql = async (text: string) => (await server.sql(text)).join("\n");
    await attack({
      url: server.url("omcp_reader"),
      adminUrl: server.url("omcp_admin"),
      port: server.port,
      sql,
    });
  },
});
