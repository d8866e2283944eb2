import assert from "node:assert/strict";
import { SAMPLE_PERSONS } from "../../../src/omop/sample/mod.ts";
import { imageReference } from "../../../src/images/identity.ts";
import { runInImage } from "./run_in_image.ts";

const TMPFS = {
  "/data": "size=256m,uid=10001,gid=10001,mode=0700",
  "/run/postgresql": "size=1m,uid=10001,gid=10001,mode=0700",
};

/** Starts a copy of a cluster, runs a psql script as a role, and returns its unaligned output with errors by SQLSTATE. */
async function psql(
  cluster: "empty" | "sample",
  role: string,
  statements: readonly string[],
): Promise<string[]> {
  const script = `
    cp -a "/opt/omcp/pgdata-${cluster}" /data/pgdata
    postgres -D /data/pgdata -c fsync=off 2>/tmp/log & server=$!
    tries=0; until pg_isready -q -h /run/postgresql -d cdm -U "$ROLE"; do
      sleep 0.02; tries=$((tries + 1)); if [ $tries -gt 500 ]; then cat /tmp/log >&2; exit 1; fi
    done
    psql -X -q -A -t -h /run/postgresql -U "$ROLE" -d cdm -v VERBOSITY=sqlstate -f - 2>&1 <<'SQL'
${statements.map((statement) => `${statement};`).join("\n")}
SQL
    kill -INT $server; wait $server`;
  const { stdout, stderr, exitCode } = await runInImage(imageReference("postgres"), ["sh", "-c", script], {
    tmpfs: TMPFS,
    env: [`ROLE=${role}`],
  });
  assert.equal(exitCode, 0, stderr);
  return stdout.trim().split("\n").map((line) => line.replace(/^psql:<stdin>:\d+: /, ""));
}

Deno.test("the Postgres image starts from either cluster on a read-only root without a network", async () => {
  const facts = [
    "SHOW server_version_num",
    "SELECT datname, pg_encoding_to_char(encoding), datlocale FROM pg_database ORDER BY 1",
    "SELECT rolname, rolsuper FROM pg_roles WHERE rolcanlogin ORDER BY 1",
    "SHOW jit",
    "SHOW data_checksums",
  ];
  for (const cluster of ["empty", "sample"] as const) {
    const [version, ...rest] = await psql(cluster, "omcp_admin", facts);
    assert.match(version ?? "", /^17\d{4}$/);
    assert.deepEqual(rest, [
      "cdm|UTF8|C.UTF-8",
      "template0|UTF8|C.UTF-8",
      "omcp_admin|t",
      "omcp_reader|f",
      "off",
      "off",
    ]);
  }
});

Deno.test("the empty cluster has no relations beside PostgreSQL's own, and is small", async () => {
  assert.deepEqual(
    await psql("empty", "omcp_admin", [
      "SELECT count(*) FROM pg_class WHERE relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)",
      "SELECT count(*) FROM pg_namespace WHERE nspname = 'cdm'",
    ]),
    ["0", "0"],
  );
  const { stdout } = await runInImage(imageReference("postgres"), ["du", "-sk", "/opt/omcp/pgdata-empty"]);
  assert.ok(Number.parseInt(stdout) < 40 * 1024, stdout);
});

Deno.test("the sample cluster has the whole CDM 5.4, loaded, keyed and analysed, readable for omcp_reader", async () => {
  const [tables, keys, foreign, readable, person, analysed] = await psql("sample", "omcp_reader", [
    "SELECT count(*) FROM pg_class WHERE relnamespace = 'cdm'::regnamespace AND relkind = 'r'",
    "SELECT count(*) > 20 FROM pg_constraint WHERE connamespace = 'cdm'::regnamespace AND contype = 'p'",
    "SELECT count(*) > 100 FROM pg_constraint WHERE connamespace = 'cdm'::regnamespace AND contype = 'f' AND convalidated",
    "SELECT bool_and(has_table_privilege(oid, 'SELECT')) FROM pg_class WHERE relnamespace = 'cdm'::regnamespace AND relkind = 'r'",
    "SELECT count(*) FROM cdm.person",
    "SELECT reltuples FROM pg_class WHERE oid = 'cdm.person'::regclass",
  ]);
  assert.ok(Number(tables) >= 37, `${tables} tables`);
  assert.deepEqual([keys, foreign, readable], ["t", "t", "t"]);
  assert.deepEqual([person, analysed], [String(SAMPLE_PERSONS), String(SAMPLE_PERSONS)]);
});

Deno.test("omcp_reader can neither write, nor create anything, nor reach others' sessions", async () => {
  const denied = [
    "DELETE FROM cdm.person",
    "INSERT INTO cdm.death (person_id) VALUES (1)",
    "TRUNCATE cdm.person",
    "CREATE TABLE cdm.mine (a int)",
    "CREATE TABLE public.mine (a int)",
    "CREATE TEMP TABLE mine (a int)",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION cdm.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "SELECT lo_create(0)",
    "SELECT lo_from_bytea(0, '')",
    "SELECT pg_read_file('/etc/passwd')",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_terminate_backend(1)",
    "SELECT pg_cancel_backend(1)",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_notify('a', 'b')",
    "SELECT pg_logical_emit_message(true, 'a', 'b')",
    "SELECT * FROM pg_stat_activity",
    "SELECT * FROM pg_authid",
    "SELECT query_to_xml('SELECT 1', true, true, '')",
    "ALTER ROLE omcp_reader SUPERUSER",
    "SET ROLE omcp_admin",
  ];
  const outcome = await psql("sample", "omcp_reader", denied);
  assert.equal(outcome.length, denied.length, outcome.join("\n"));
  denied.forEach((statement, index) => assert.equal(outcome[index], "ERROR:  42501", statement));
});

Deno.test("omcp_reader owns nothing, is a member of no role and has no privilege on tables except SELECT", async () => {
  assert.deepEqual(
    await psql("sample", "omcp_admin", [
      "SELECT count(*) FROM pg_auth_members WHERE member = 'omcp_reader'::regrole",
      "SELECT count(*) FROM pg_shdepend WHERE refobjid = 'omcp_reader'::regrole AND deptype = 'o'",
      "SELECT DISTINCT privilege_type FROM information_schema.table_privileges WHERE grantee = 'omcp_reader'",
      "SELECT count(*) FROM pg_language WHERE lanname = 'plpgsql'",
      "SELECT has_database_privilege('omcp_reader', 'cdm', 'TEMP'), has_schema_privilege('omcp_reader', 'public', 'USAGE')",
    ]),
    ["0", "0", "SELECT", "0", "f|f"],
  );
});
