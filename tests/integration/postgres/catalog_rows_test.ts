/** What the catalogs show of relations that the policy does not: neither names nor constants, source text or comments. */
import assert from "node:assert/strict";
import { errorOf, firstColumn } from "../../fixtures/postgres/raw_client.ts";
import type { TestPostgres } from "../../fixtures/postgres/test_postgres.ts";
import { CANARY, mustNotShow, ROLES, SHOWN, startCanaryServer, withClient } from "./canary_server.ts";
import { OIDS } from "./name_probes.ts";
import { PSQL } from "./psql.ts";

let server: TestPostgres;
let oid = "";

Deno.test.beforeAll(async function start() {
  ({ server, oid } = await startCanaryServer());
});

Deno.test.afterAll(async function stop() {
  await server.stop();
});

/** What fails on a hidden row quotes it: the client's condition must not meet one, however cheap it is. */
const FAILING = [
  ...[
    ["pg_class", "relname"],
    ["pg_attribute", "attname"],
    ["pg_constraint", "conname"],
    ["pg_type", "typname"],
    ["pg_proc", "proname"],
    ["pg_namespace", "nspname"],
    ["pg_roles", "rolname"],
    ["pg_description", "description"],
    ["pg_stats", "tablename"],
    ["pg_views", "viewname"],
    ["information_schema.columns", "column_name"],
    ["information_schema.tables", "table_name"],
  ].flatMap(([catalog, column]) => [
    `SELECT 1 FROM ${catalog} WHERE CASE WHEN ${column} LIKE '%${CANARY}%' THEN ${column}::text::int ELSE 0 END = 1`,
    `SELECT count(*) FILTER (WHERE CASE WHEN ${column} LIKE '%${CANARY}%' THEN ${column}::text::int ELSE 0 END = 1) FROM ${catalog}`,
    `SELECT 1 FROM ${catalog} a JOIN pg_class b ON CASE WHEN a.${column} LIKE '%${CANARY}%' THEN a.${column}::text::int ELSE 0 END = 1`,
  ]),
  `SELECT 1 FROM pg_attrdef WHERE CASE WHEN pg_get_expr(adbin, adrelid) LIKE '%${CANARY}%' THEN pg_get_expr(adbin, adrelid)::int ELSE 0 END = 1`,
  `SELECT 1 FROM pg_constraint WHERE CASE WHEN conname LIKE '%${CANARY}%' THEN pg_get_expr(conbin, conrelid)::int ELSE 0 END = 1`,
  `SELECT 1 FROM pg_index WHERE CASE WHEN pg_get_expr(indpred, indrelid) LIKE '%${CANARY}%' THEN pg_get_expr(indpred, indrelid)::int ELSE 0 END = 1`,
];
/** Each may be refused, fail or answer; nothing hidden may be in the answer. */
const PROBES = [
  ...[
    "pg_get_constraintdef(g::oid)",
    "pg_get_constraintdef(g::oid, true)",
    "pg_get_indexdef(g::oid)",
    "pg_get_indexdef(g::oid, 1, true)",
  ],
  ...[
    "pg_get_partkeydef(g::oid)",
    "obj_description(g::oid, 'pg_class')",
    "obj_description(g::oid, 'pg_type')",
    "obj_description(g::oid)",
  ],
  ...[
    "obj_description(g::oid, 'pg_constraint')",
    "obj_description(g::oid, 'pg_namespace')",
    "obj_description(g::oid, (SELECT 'pg_class'::name))",
  ],
  ...[
    "shobj_description(g::oid, 'pg_authid')",
    "shobj_description(g::oid, 'pg_database')",
    "pg_get_triggerdef(g::oid)",
  ],
  ...[
    "pg_get_statisticsobjdef(g::oid)",
    "pg_get_statisticsobjdef_columns(g::oid)",
    "pg_get_userbyid(g::oid)",
    "pg_get_viewdef(g::oid)",
  ],
  ...[
    "pg_get_functiondef(g::oid)",
    "pg_get_function_sqlbody(g::oid)",
    "pg_get_ruledef(g::oid)",
    "pg_get_publication_tables('x')",
  ],
  ...[
    "CASE WHEN true THEN (SELECT pg_get_constraintdef(g::oid)) END",
    "concat(pg_catalog.pg_get_constraintdef(oid => g::oid))",
  ],
].map((call) => `SELECT ${call} FROM ${OIDS}`).concat(
  `SELECT col_description(g::oid, n) FROM ${OIDS}, generate_series(0, 5) AS n`,
  `SELECT relname || relpartbound::text FROM pg_class`,
  `SELECT pg_get_expr(relpartbound, oid) FROM pg_class`,
  `SELECT pg_get_expr(adbin, adrelid), adbin::text FROM pg_attrdef`,
  `SELECT pg_get_expr(d.adbin, 0) FROM pg_attrdef d`,
  `SELECT pg_get_expr(d.adbin, '${"cdm.person"}'::regclass) FROM pg_catalog.pg_attrdef d`,
  `SELECT a.attname, a.attmissingval FROM pg_attribute a`,
  `SELECT a.attname FROM pg_attribute a`,
  `SELECT c.relname FROM ONLY pg_class c`,
  `SELECT c.relname FROM pg_class * c`,
  `SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class`,
  `SELECT "pg_class".relname FROM "pg_catalog"."pg_class"`,
  `SELECT c.relname FROM U&"pg!005fclass" UESCAPE '!' AS c`,
  `SELECT relname FROM pg_class TABLESAMPLE SYSTEM (100)`,
  `SELECT x.relname FROM person p, LATERAL (SELECT relname FROM pg_class WHERE p.person_id IS NULL OR true) x`,
  `WITH pg_class AS (SELECT relname FROM pg_class) SELECT * FROM pg_class`,
  `WITH c AS (SELECT conbin FROM pg_constraint) SELECT conbin::text FROM c`,
  `TABLE pg_constraint`,
  `TABLE pg_indexes`,
  `SELECT to_json(i) FROM pg_index i`,
  `SELECT i::text FROM pg_index i`,
  `COPY pg_constraint TO STDOUT`,
  `COPY (SELECT conname, conbin::text FROM pg_constraint) TO STDOUT`,
  `SELECT conname, pg_get_expr(conbin, conrelid), consrc FROM pg_constraint`,
  `SELECT conname, pg_get_expr(conbin, conrelid) FROM pg_constraint`,
  `SELECT indexdef FROM pg_indexes`,
  `SELECT description FROM pg_description`,
  `SELECT typname, typdefault, typdefaultbin::text FROM pg_type`,
  `SELECT enumlabel FROM pg_enum`,
  `SELECT partexprs::text, pg_get_expr(partexprs, partrelid) FROM pg_partitioned_table`,
  `SELECT nspname FROM pg_namespace`,
  `SELECT inhrelid::regclass FROM pg_inherits`,
  `SELECT seqrelid::regclass FROM pg_sequence`,
  `SELECT tablename FROM pg_tables UNION SELECT viewname FROM pg_views UNION SELECT matviewname FROM pg_matviews`,
  `SELECT rolname FROM pg_roles`,
  `SELECT pg_get_userbyid(relowner) FROM pg_class`,
  `SELECT pg_get_userbyid(g.g) FROM generate_series(16384, 17500) AS g`,
  `SELECT polname, polqual::text FROM pg_policy`,
  `SELECT pubname FROM pg_publication`,
  `SELECT stxname, stxexprs::text FROM pg_statistic_ext`,
  `SELECT tgname FROM pg_trigger`,
  `SELECT * FROM information_schema.check_constraints`,
  `SELECT * FROM information_schema.columns`,
  `SELECT * FROM information_schema.tables`,
  `SELECT * FROM information_schema.table_constraints`,
  `SELECT * FROM information_schema.key_column_usage`,
  `SELECT * FROM information_schema.constraint_column_usage`,
  `SELECT * FROM information_schema.constraint_table_usage`,
  `SELECT * FROM information_schema.referential_constraints`,
  `SELECT routine_name, routine_definition FROM information_schema.routines`,
  `SELECT schema_name FROM information_schema.schemata`,
  `SELECT table_name FROM information_schema.views`,
  `SELECT information_schema.columns.column_default FROM information_schema.columns`,
  `EXPLAIN SELECT * FROM death`,
  `EXPLAIN (VERBOSE, FORMAT json) SELECT * FROM person WHERE EXISTS (SELECT FROM cdm.death)`,
  `EXPLAIN WITH d AS MATERIALIZED (TABLE death) SELECT 1 FROM d`,
  `EXPLAIN VERBOSE SELECT * FROM note`,
  `EXPLAIN SELECT * FROM measurement`,
  `EXPLAIN (VERBOSE, FORMAT json) SELECT count(*) FROM measurement JOIN person USING (person_id)`,
  `PREPARE q AS SELECT * FROM death; EXPLAIN EXECUTE q`,
  `BEGIN; DECLARE c CURSOR FOR SELECT conbin::text FROM pg_constraint; FETCH ALL FROM c; ROLLBACK`,
  `PREPARE r AS SELECT pg_get_constraintdef($1::oid); EXECUTE r(16400)`,
);

for (const role of ROLES) {
  Deno.test(`catalogs show a ${role} nothing of what the policy hides, in both protocols`, async () => {
    await withClient(server, role, async (client) => {
      await mustNotShow(client, [...PROBES, ...FAILING]);
    });
  });
}

/** Queries that must show what belongs to a readable table. */
const SHOWING = [
  "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'cdm.person'::regclass AND contype = 'c'",
  "SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef d WHERE d.adnum = 2",
  "SELECT pg_get_indexdef(indexrelid, 0, true) FROM pg_index WHERE indpred IS NOT NULL",
  "SELECT pg_get_indexdef('cdm.shown_index'::regclass)",
  "SELECT indexdef FROM pg_indexes WHERE indexname = 'shown_index'",
  "SELECT obj_description('cdm.person'::regclass, 'pg_class')",
  "SELECT col_description(attrelid, attnum) FROM pg_attribute WHERE attname = 'kind' AND attrelid = 'person'::regclass",
  "SELECT description FROM pg_description WHERE objsubid = 0 AND objoid = 'cdm.person'::regclass",
  "SELECT column_default FROM information_schema.columns WHERE column_name = 'kind'",
  "SELECT pg_catalog.pg_description.description FROM pg_catalog.pg_class JOIN pg_catalog.pg_description ON " +
  "pg_catalog.pg_description.objoid = pg_catalog.pg_class.oid WHERE pg_catalog.pg_class.relname = 'person' AND objsubid = 0",
];

Deno.test("catalogs show the tables that may be read, and psql works", async () => {
  await withClient(server, "reader", async (client) => {
    for (const sql of SHOWING) {
      const all = await client.query(sql);
      assert.equal(errorOf(all)?.message, undefined, sql);
      assert.match(firstColumn(all)[0] ?? "", new RegExp(SHOWN), sql);
    }
    const sizes = await client.query(
      "SELECT pg_relation_size('cdm.person'), pg_total_relation_size('person'::regclass) > 0",
    );
    assert.deepEqual(firstColumn(sizes), ["0"]);
    const columns =
      "SELECT attname FROM pg_attribute WHERE attrelid = 'person'::regclass AND attnum > 0 ORDER BY attnum";
    assert.deepEqual(firstColumn(await client.query(columns)), ["person_id", "kind", "twice", "serial"]);
    const sequence = "SELECT relname FROM pg_class WHERE relkind = 'S' ORDER BY 1";
    assert.deepEqual(firstColumn(await client.query(sequence)), ["person_serial_seq"]);
    for (const sql of PSQL) {
      const all = await client.query(sql.replaceAll("OID", oid));
      assert.equal(errorOf(all)?.message, undefined, sql);
    }
    const plan = await client.query("EXPLAIN SELECT * FROM person");
    assert.match(firstColumn(plan)[0] ?? "", /Seq Scan on person/);
    const refusal = errorOf(await client.query("EXPLAIN SELECT * FROM death"));
    assert.match(
      `${refusal?.message} ${refusal?.hint}`,
      /behind it EXPLAIN works for statements that read only tables/,
    );
  });
});

Deno.test("an error does not show the functions within a view", async () => {
  await withClient(server, "reader", async (client) => {
    const sql = "SELECT x FROM visit_detail";
    assert.equal(errorOf(await client.query(sql))?.message, "division by zero");
    assert.equal(await mustNotShow(client, [sql, "SELECT x::text FROM visit_detail"]), 0);
    const long = errorOf(await client.query("SELECT repeat('x', 2000000)::int"));
    assert.match(`${long?.message} ${long?.hint}`, /an error of 2000\d{3} bytes.* use shorter ones/);
    const json = (await client.query("SELECT '{x'::json")).find(({ type }) => type === "E");
    assert.match(new TextDecoder().decode(json?.body), /WJSON data, line 1: \{x/);
    assert.deepEqual(firstColumn(await client.query("SELECT 1")), ["1"]);
  });
});

Deno.test("EXPLAIN counts no hidden rows", async () => {
  await withClient(server, "reader", async (client) => {
    for (const options of ["", "ANALYZE ", "(ANALYZE, FORMAT JSON) "]) {
      const refused = errorOf(await client.query(`EXPLAIN ${options}SELECT relname FROM pg_class`));
      assert.match(refused?.message ?? "", /EXPLAIN of a query on catalogs is not allowed/);
    }
  });
});
