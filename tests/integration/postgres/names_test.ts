/** An OID must not reveal the name of what the policy hides, and must give the name of what may be seen. */
import assert from "node:assert/strict";
import { errorOf, firstColumn } from "../../fixtures/postgres/raw_client.ts";
import type { TestPostgres } from "../../fixtures/postgres/test_postgres.ts";
import { mustNotShow, ROLES, startCanaryServer, withClient } from "./canary_server.ts";
import { NAME_PROBES } from "./name_probes.ts";

let server: TestPostgres;
let oid = "";
let hiddenOid = "";

Deno.test.beforeAll(async function start() {
  ({ server, oid, hiddenOid } = await startCanaryServer());
});

Deno.test.afterAll(async function stop() {
  await server.stop();
});

for (const role of ROLES) {
  Deno.test(`no expression shows a ${role} the name of a hidden object by its OID, in both protocols`, async () => {
    await withClient(server, role, async (client) => {
      const probes = NAME_PROBES.map((sql) => sql.replaceAll(/\bOID\b/g, hiddenOid));
      // Many are answered, without the hidden names.
      assert.ok(await mustNotShow(client, probes) > 100);
    });
  });
}

/** Queries that show names, and what they must answer. */
const NAMES: Readonly<Record<string, string>> = {
  "SELECT 'cdm.person'::regclass": "person",
  "SELECT regclass 'cdm.person'": "person",
  "SELECT CAST('person' AS regclass)::text || '!'": "person!",
  "SELECT pg_catalog.regtype 'int4'": "integer",
  "SELECT x.regclass FROM (SELECT to_regclass('cdm.person')::regclass, 'person'::regclass) AS x(to_regclass, regclass)":
    "person",
  "SELECT x.relid FROM (SELECT conrelid::regclass AS relid FROM pg_constraint WHERE conname = 'person_pkey') AS x":
    "person",
  "SELECT c.oid::regclass FROM pg_class c WHERE c.oid IN ('person'::regclass, to_regclass('nothing'))":
    "person",
  "SELECT relnamespace::regnamespace FROM pg_class WHERE oid = 'person'::regclass GROUP BY relnamespace::regnamespace":
    "cdm",
  "SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = 'person'::regclass AND attname = 'kind'":
    "text",
  "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'person'::regclass AND attnum = 1":
    "bigint",
  "SELECT pg_get_serial_sequence(attrelid::regclass::text, attname)::regclass FROM pg_attribute WHERE attrelid = 'person'::regclass AND attname = 'serial'":
    "person_serial_seq",
  "SELECT 0::regclass": "-",
  "SELECT (SELECT (ARRAY['pg_class'::regclass::oid, 1249])[2])::regclass": "pg_attribute",
  "SELECT string_agg(x::regtype::text, ',') FROM unnest(ARRAY[16, 20]) AS x": "boolean,bigint",
  "SELECT pg_typeof(max(person_id)) FROM person": "bigint",
  "SELECT pg_typeof(x) FROM unnest(ARRAY['a', 'b']) AS x": "text,text",
  "SELECT pg_typeof(unnest(ARRAY[1, 2]))": "integer,integer",
  "SELECT get_current_ts_config()": "english",
  "SELECT 'simple'::regconfig": "simple",
  "SELECT '\"C\"'::regcollation": '"C"',
  "SELECT CASE WHEN 'person'::regclass = 'cdm.person'::regclass THEN 'person'::regclass::text END": "person",
  "SELECT x::regclass FROM (VALUES ('person'), ('note')) AS v(x) ORDER BY 1": "note,person",
  "SELECT has_column_privilege('person', 'kind', 'select')": "t",
  "SELECT count(*) FROM pg_type WHERE typinput = 'array_in'::regproc AND typname = '_int4'": "1",
  "SELECT typreceive FROM pg_type WHERE typreceive != 0 AND typreceive::text != 'array_recv' AND oid = 20":
    "int8recv",
  "SELECT t.typinput::text || ' ' || CAST(t.typsend AS text) FROM pg_type AS t WHERE t.oid = 25":
    "textin textsend",
  "SELECT typsubscript FROM pg_type WHERE oid = 20": "-",
  "SELECT x.typinput::oid::int FROM (SELECT typinput FROM (SELECT typinput FROM pg_type WHERE oid = 16) AS y OFFSET 0) AS x":
    "1242",
  "SELECT typinput, count(*) FROM pg_type WHERE oid IN (16, 20) GROUP BY typinput ORDER BY typinput":
    "boolin,int8in",
  "SELECT a.depth FROM pg_partition_ancestors('cdm.observation') WITH ORDINALITY AS a(relid, depth)": "1,2",
  "EXECUTE_BY_OID": "person",
};

Deno.test("a name that may be seen is shown, whatever the way to ask for it by OID", async () => {
  await withClient(server, "reader", async (client) => {
    await client.query("PREPARE by_oid AS SELECT $1::oid::regclass");
    for (const [query, wanted] of Object.entries(NAMES)) {
      const sql = query === "EXECUTE_BY_OID" ? `EXECUTE by_oid(${oid})` : query;
      const all = await client.query(sql);
      assert.equal(errorOf(all)?.message, undefined, sql);
      assert.equal(firstColumn(all).join(","), wanted, sql);
    }
    const hidden =
      "SELECT 16384::regclass IS NULL, count(*) FROM generate_series(16384, 17600) AS g WHERE g::regclass::text ~ 'canary'";
    assert.match(
      new TextDecoder().decode((await client.query(hidden)).find(({ type }) => type === "D")?.body),
      /0$/,
    );
  });
});

Deno.test("a column without a name is called as PostgreSQL would call it", async () => {
  await withClient(server, "reader", async (client) => {
    const sql =
      "SELECT 'person'::regclass, c.oid::regclass, to_regclass('x'), pg_typeof(1), CAST(c.oid AS regtype)::text FROM pg_class c LIMIT 0";
    const row = new TextDecoder("latin1").decode(
      (await client.query(sql)).find(({ type }) => type === "T")?.body,
    );
    assert.deepEqual(row.match(/regclass|oid|to_regclass|pg_typeof/g), [
      "regclass",
      "oid",
      "to_regclass",
      "pg_typeof",
      "oid",
    ]);
  });
});
