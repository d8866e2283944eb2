/** What the guard refuses. Longer than 300 lines: one table of refused statements, by class. */
import assert from "node:assert/strict";
import { planOf, plansOf, POLICY, refusalOf, sentFor } from "../../../fixtures/postgres/planning.ts";

const REFUSED: Readonly<Record<string, readonly string[]>> = {
  "writing": [
    "INSERT INTO person VALUES (1)",
    "UPDATE person SET person_id = 1",
    "DELETE FROM person",
    "MERGE INTO person p USING person q ON true WHEN MATCHED THEN DELETE",
    "TRUNCATE person",
    "DROP SCHEMA cdm CASCADE",
    "CREATE TABLE x (a int)",
    "CREATE TEMP TABLE x AS SELECT 1",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE EXTENSION dblink",
    "SELECT * INTO x FROM person",
    "SELECT 1 INTO TEMP x",
    "WITH d AS (DELETE FROM person RETURNING *) SELECT * FROM d",
    "SELECT * FROM (WITH d AS (INSERT INTO person VALUES (1) RETURNING *) SELECT * FROM d) x",
    "WITH a AS (WITH b AS (UPDATE person SET person_id = 1 RETURNING *) TABLE b) TABLE a",
    "EXPLAIN DELETE FROM person",
    "EXPLAIN ANALYZE DELETE FROM person",
    "EXPLAIN ANALYZE CREATE TABLE x AS SELECT 1",
    "EXPLAIN ANALYZE EXECUTE x(lo_create(0))",
    "CREATE TABLE y AS EXECUTE x",
    "EXPLAIN ANALYZE CREATE TABLE y AS EXECUTE x",
    "EXPLAIN ANALYZE DECLARE c CURSOR FOR SELECT 1",
    "EXPLAIN SELECT 1 INTO x",
    "EXPLAIN (SETTINGS) SELECT 1",
    "SELECT * FROM person FOR UPDATE",
    "SELECT * FROM (SELECT * FROM person FOR SHARE) x",
    "TABLE person FOR KEY SHARE",
    "ALTER ROLE CURRENT_USER SET x = 1",
    "ALTER SYSTEM SET work_mem = 1",
    "GRANT ALL ON person TO public",
    "COMMENT ON TABLE person IS 'x'",
    "REFRESH MATERIALIZED VIEW x",
    "REINDEX TABLE person",
    "CLUSTER",
    "ANALYZE person",
    "IMPORT FOREIGN SCHEMA a FROM SERVER b INTO c",
    "SECURITY LABEL ON TABLE person IS 'x'",
  ],
  "other commands": [
    "DO $$ BEGIN DELETE FROM person; END $$",
    "CALL f()",
    "PREPARE x AS DELETE FROM person",
    "PREPARE x AS SELECT lo_create(0)",
    "PREPARE x AS SELECT 1 INTO y",
    "PREPARE x AS SELECT * FROM pg_authid",
    "PREPARE x AS SELECT * FROM person FOR UPDATE",
    "PREPARE x AS WITH d AS (DELETE FROM person RETURNING *) SELECT * FROM d",
    "PREPARE x (own_type) AS SELECT $1",
    "PREPARE x (cdm.own_type[]) AS SELECT $1",
    "PREPARE x AS SELECT set_config('timezone', 'UTC', false)",
    "PREPARE x AS INSERT INTO person VALUES ($1)",
    "EXECUTE x(lo_create(0))",
    "EXECUTE x('a'::own_type)",
    "EXECUTE x(1, (SELECT count(*) FROM pg_authid))",
    "EXECUTE x(1 OPERATOR(cdm.+) 2)",
    "LOAD 'x'",
    "LISTEN x",
    "NOTIFY x",
    "VACUUM",
    "CHECKPOINT",
    "LOCK person",
    "SET CONSTRAINTS ALL DEFERRED",
    "PREPARE TRANSACTION 'x'",
    "COMMIT PREPARED 'x'",
    "ROLLBACK PREPARED 'x'",
  ],
  "transactions and settings": [
    "BEGIN READ WRITE",
    "BEGIN READ ONLY, READ WRITE",
    "START TRANSACTION READ WRITE",
    "SET TRANSACTION READ WRITE",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    "SET transaction_read_only = off",
    "SET LOCAL transaction_read_only TO false",
    "SET default_transaction_read_only = off",
    "SET default_transaction_read_only TO DEFAULT, off",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT set_config($1, 'off', false)",
    "SELECT set_config('search_path', 'x', false)",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "SET search_path = public",
    "SET SCHEMA 'public'",
    "SET statement_timeout = 0",
    "SET work_mem = '1TB'",
    "SET client_encoding = 'SJIS'",
    "SET NAMES 'LATIN1'",
    "SET client_encoding TO DEFAULT, 'SJIS'",
    "SET standard_conforming_strings = off",
    "SET row_security = off",
    "SET session_replication_role = replica",
    "SET lo_compat_privileges = on",
    "SET my.variable = 1",
    "SET client_min_messages = debug5",
    "SET client_min_messages = log",
    "SELECT set_config('client_min_messages', $1, false)",
    "SET timezone FROM CURRENT",
    "SET XML OPTION DOCUMENT",
    "SHOW ALL",
    "SHOW data_directory",
    "SHOW hba_file",
    "SELECT current_setting('data_directory')",
    "SELECT current_setting('data' || '_directory')",
    "SELECT current_setting(name) FROM (VALUES ('jit')) v(name)",
    "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
    "DECLARE c CURSOR FOR SELECT * FROM person FOR UPDATE",
    "DECLARE c CURSOR FOR SELECT * FROM pg_authid",
  ],
  "COPY": [
    "COPY person FROM STDIN",
    "COPY person TO '/tmp/x'",
    "COPY person FROM '/etc/passwd'",
    "COPY person TO PROGRAM 'id'",
    "COPY person FROM PROGRAM 'id'",
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "COPY (SELECT 1) TO '/tmp/x'",
    "COPY (DELETE FROM person RETURNING *) TO STDOUT",
    "COPY (SELECT 1 INTO x) TO STDOUT",
    "COPY (SELECT pg_read_file('/etc/passwd')) TO STDOUT",
    "COPY pg_authid TO STDOUT",
    "COPY other.person TO STDOUT",
    "COPY person TO STDOUT (ENCODING 'SJIS')",
  ],
  "functions": [
    "SELECT lo_create(0)",
    "SELECT lo_unlink(1)",
    "SELECT lo_import('/etc/passwd')",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_catalog.pg_read_file('/etc/passwd')",
    "SELECT U&\"pg\\005fread_file\"('/etc/passwd')",
    "SELECT U&\"pg!005fread_file\" UESCAPE '!' ('/etc/passwd')",
    "SELECT \"pg_read_file\"('/etc/passwd')",
    "SELECT pg_ls_dir('.')",
    "SELECT * FROM pg_ls_dir('.')",
    "SELECT * FROM ROWS FROM (generate_series(1, 2), pg_ls_dir('.')) x",
    "SELECT pg_terminate_backend(1)",
    "SELECT pg_cancel_backend(1)",
    "SELECT nextval('x')",
    "SELECT setval('x', 1)",
    "SELECT pg_notify('a', 'b')",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_try_advisory_xact_lock(1)",
    "SELECT pg_logical_emit_message(true, 'a', 'b')",
    "SELECT pg_export_snapshot()",
    "SELECT dblink('x', 'y')",
    "SELECT public.dblink('x', 'y')",
    "SELECT query_to_xml('SELECT 1', true, true, '')",
    "SELECT table_to_xml('pg_authid', true, true, '')",
    "SELECT database_to_xml(true, true, '')",
    "SELECT cursor_to_xml('c', 1, true, true, '')",
    "SELECT ts_stat('SELECT 1')",
    "SELECT ts_rewrite('a', 'SELECT 1')",
    "SELECT pg_import_system_collations('x')",
    "SELECT pg_sleep(10)",
    "SELECT pg_stat_get_activity(NULL)",
    "SELECT * FROM pg_show_all_settings()",
    "SELECT pg_reload_conf()",
    "SELECT txid_current()",
    "SELECT inet_server_addr()",
    "SELECT cdm.f(1)",
    "SELECT unknown_function(1)",
    "SELECT a.b.c.d(1)",
    "SELECT upper('a', 'b')",
    "SELECT upper(VARIADIC ARRAY['a'])",
    "SELECT count(*) FILTER (WHERE pg_sleep(1) IS NULL) FROM person",
    "SELECT 1 ORDER BY pg_sleep(1)",
    "SELECT 1 LIMIT lo_create(0)",
    "SELECT 1 OFFSET (SELECT lo_create(0))",
    "VALUES (lo_create(0))",
    "SELECT sum(1) OVER (ORDER BY lo_create(0))",
    "SELECT * FROM person TABLESAMPLE bernoulli (lo_create(0))",
    "SELECT * FROM person TABLESAMPLE site_method (1)",
    "SELECT json_object('a': lo_create(0))",
    "SELECT json_value('{}', '$.a' DEFAULT lo_create(0) ON EMPTY)",
    "SELECT TREAT(1 AS lo_unlink)",
  ],
  "functions called as if they were columns": [
    "SELECT (99999::oid).lo_unlink",
    "SELECT ('/etc/passwd').pg_read_file",
    "SELECT (SELECT 1::oid).lo_unlink",
    "SELECT (ARRAY[1::oid])[1].lo_unlink",
    "SELECT g.lo_unlink FROM generate_series(1, 2) AS g",
    "SELECT g.lo_unlink FROM generate_series(1, 2) AS g(x)",
    "SELECT lo_unlink.lo_unlink FROM generate_series(1, 2) AS lo_unlink(x)",
    "SELECT p.pg_read_file FROM concat('/etc/passwd') AS p",
    "SELECT concat.pg_read_file FROM concat('/etc/passwd')",
    "SELECT c.lo_unlink FROM coalesce(1::oid) AS c",
    "SELECT coalesce.lo_unlink FROM coalesce(1::oid)",
    "SELECT c.lo_unlink FROM cast(1 AS oid) AS c",
    "SELECT (SELECT g.lo_unlink) FROM generate_series(1, 2) AS g, (SELECT 1 AS lo_unlink) t",
    // their one column is called "value", whatever the alias: so the alias's own name is not a column
    "SELECT pg_read_file.pg_read_file FROM json_array_elements_text('[\"x\"]') AS pg_read_file",
    "SELECT pg_ls_dir.pg_ls_dir FROM jsonb_array_elements_text('[\"x\"]') AS pg_ls_dir",
    "SELECT current_setting.current_setting FROM json_array_elements_text('[\"data_directory\"]') AS current_setting",
    "SELECT pg_read_file.pg_read_file FROM CAST(json_array_elements_text('[\"x\"]') AS text) AS pg_read_file",
    "SELECT p.pg_read_file FROM ROWS FROM (json_array_elements_text('[\"x\"]')) AS p",
  ],
  "relations": [
    "SELECT * FROM pg_stat_activity",
    "SELECT * FROM pg_shadow",
    "SELECT * FROM pg_catalog.pg_authid",
    "SELECT * FROM pg_settings",
    "SELECT count(*) FROM pg_settings WHERE name LIKE 'data%'",
    "SELECT version(), (SELECT count(*) FROM pg_settings WHERE name LIKE 'x%')",
    "SELECT * FROM pg_stats",
    "SELECT * FROM pg_statistic",
    "SELECT * FROM pg_largeobject",
    "SELECT * FROM pg_roles",
    "SELECT * FROM pg_user_mapping",
    "SELECT * FROM pg_hba_file_rules",
    "SELECT * FROM pg_database",
    "SELECT * FROM pg_proc",
    "SELECT * FROM pg_locks",
    "SELECT * FROM information_schema.role_table_grants",
    "SELECT * FROM other.person",
    "SELECT * FROM public.person",
    "SELECT * FROM note",
    'SELECT * FROM "Person"',
    "SELECT * FROM cdm.pg_class",
    "SELECT * FROM cdm.cdm.person",
    "SELECT * FROM pg_temp.person",
    "SELECT * FROM person, pg_shadow",
    "SELECT * FROM person JOIN pg_shadow ON true",
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM pg_shadow)",
    "TABLE pg_shadow",
    "SELECT ARRAY(TABLE pg_shadow)",
  ],
  "columns of the catalogs that show values, source text or roles": [
    "SELECT attmissingval FROM pg_attribute",
    "SELECT a.attmissingval::text FROM pg_catalog.pg_attribute AS a",
    "SELECT * FROM pg_attribute",
    "SELECT a.* FROM pg_attribute a",
    "SELECT c.relname, a.* FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid",
    "SELECT a FROM pg_attribute a",
    "SELECT row_to_json(a) FROM pg_attribute a",
    "SELECT pg_attribute::text FROM pg_attribute",
    "SELECT count(pg_attribute) FROM pg_attribute",
    "SELECT z FROM pg_attribute AS a(b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z)",
    "SELECT j FROM (pg_attribute a CROSS JOIN person p) AS j",
    "SELECT j.* FROM (pg_attribute a CROSS JOIN person p) AS j",
    "SELECT j.x FROM (pg_attribute a CROSS JOIN person p) AS j(x)",
    "SELECT 1 FROM pg_attribute NATURAL JOIN person",
    "SELECT 1 FROM pg_attribute JOIN person USING (attmissingval)",
    "TABLE pg_views",
    "SELECT (SELECT a.*) FROM pg_attribute a",
    "SELECT * FROM (SELECT * FROM pg_views) x",
    "WITH x AS (SELECT * FROM pg_views) SELECT definition FROM x",
    "SELECT definition FROM pg_views",
    "SELECT count(*) FROM pg_views WHERE definition LIKE '%a%'",
    "SELECT 1 FROM pg_views ORDER BY definition",
    "SELECT relacl FROM pg_class",
    "SELECT tableowner FROM pg_tables",
    "SELECT view_definition FROM information_schema.views",
    "COPY pg_views TO STDOUT",
    "COPY pg_catalog.pg_attribute (attmissingval) TO STDOUT",
    "SELECT x.to_json->>'attmissingval' FROM pg_attribute x",
    "SELECT x.to_jsonb FROM pg_views x",
    "SELECT c.concat FROM pg_class c",
    "SELECT 1 FROM pg_class c ORDER BY c.array_agg",
    "SELECT pg_catalog.pg_attribute.row_to_json FROM pg_catalog.pg_attribute",
    "SELECT j.to_json FROM (pg_class c CROSS JOIN person) j",
    "SELECT j.to_json FROM pg_class c JOIN pg_attribute a USING (oid) AS j",
    "SELECT (SELECT x.quote_literal) FROM pg_tables x",
    "SELECT views.to_jsonb FROM information_schema.views",
    "SELECT schema_owner FROM information_schema.schemata",
    "SELECT has_table_privilege('omcp_admin', 'person', 'select')",
    "SELECT unnest(ARRAY[1], ARRAY[2])",
    "SELECT * FROM ROWS FROM (unnest(ARRAY[1], ARRAY[2]) AS (c text)) AS x",
    "SELECT * FROM unnest(ARRAY[1], ARRAY[2] ORDER BY 1) AS x",
    "SELECT * FROM unnest(DISTINCT ARRAY[1], ARRAY[2]) AS x",
    "SELECT * FROM unnest(ARRAY[1], ARRAY[2]) FILTER (WHERE true) AS x",
    "SELECT * FROM unnest(ARRAY[1], VARIADIC ARRAY[2]) AS x",
    "SELECT pg_get_viewdef(1)",
    "SELECT pg_get_userbyid(10)",
    "SELECT 'x'::regrole",
    "DECLARE c CURSOR FOR SELECT * FROM pg_attribute",
    "EXPLAIN VERBOSE SELECT attmissingval FROM pg_attribute",
  ],
  "values of reg types that it cannot follow": [
    "SELECT '{1}'::regclass[]",
    "SELECT ARRAY[1, 2]::regtype[]",
    "SELECT (ARRAY[1]::regclass[])[1] = 1",
    "SELECT x.a FROM json_to_record('{}') AS x(a regclass)",
    "SELECT json_value('1', '$' RETURNING regtype)",
    "SELECT t.a FROM json_table('[1]', '$[*]' COLUMNS (a regclass PATH '$')) AS t",
    "PREPARE q (regclass) AS SELECT $1",
    "PREPARE q (int, pg_catalog.regtype[]) AS SELECT $2",
    "EXECUTE q('person'::regclass)",
    "EXECUTE q(format_type(16400, 1))",
    "SELECT * FROM to_regclass('person') AS t",
    "SELECT t FROM pg_typeof(1) AS t",
    "SELECT t FROM CAST('1' AS regclass) AS t",
    "SELECT * FROM ROWS FROM (get_current_ts_config()) AS t",
    "SELECT a.relid FROM pg_partition_ancestors('person') a",
    "SELECT 'array_in'::regproc",
    "SELECT nullif('array_in'::regproc, 0::oid)",
    "SELECT amhandler FROM pg_am",
    "SELECT * FROM pg_am",
    "SELECT format_type(type_oid => 1, typemod => 2)",
    "SELECT lag(c.oid) OVER (ORDER BY c.oid)::regclass FROM pg_class c",
    "SELECT format_type(first_value(c.oid) OVER (), 1) FROM pg_type c",
    "SELECT count(*)::regclass FROM person",
    "SELECT pg_get_expr(relid => 1, expr => d.adbin) FROM pg_attrdef d",
  ],
  "operators, types and collations that are not PostgreSQL's own": [
    "SELECT 1 OPERATOR(cdm.+) 2",
    "SELECT 1 <+++> 2",
    "SELECT 1 OPERATOR(cdm.=) ANY (SELECT 1)",
    "SELECT 1 ORDER BY 1 USING OPERATOR(cdm.<)",
    "SELECT 'x'::cdm.own_type",
    "SELECT 'x'::own_type",
    "SELECT NULL::person",
    "SELECT json_populate_record(NULL::person, '{}')",
    "SELECT x.a FROM json_to_record('{}') AS x(a own_type)",
    "SELECT json_value('1', '$' RETURNING own_type)",
    "SELECT 'a' COLLATE cdm.\"x\"",
  ],
};

for (const [what, statements] of Object.entries(REFUSED)) {
  for (const sql of statements) {
    Deno.test(`planText() refuses ${what}: ${sql}`, () => {
      const plan = refusalOf(sql);
      assert.match(plan.sqlstate, /^(42501|25006|42601|42P01|42883)$/);
      assert.notEqual(plan.message, "");
    });
  }
}

Deno.test("planText() does not take a hidden real relation for a common table expression", () => {
  const refused = [
    "WITH a AS (SELECT * FROM pg_shadow), pg_shadow AS (SELECT 1) SELECT * FROM a",
    "WITH pg_shadow AS (SELECT * FROM pg_shadow) SELECT * FROM pg_shadow",
    "(WITH pg_shadow AS (SELECT 1 AS x) SELECT * FROM pg_shadow) UNION ALL SELECT 1 FROM pg_shadow",
    "SELECT * FROM (WITH pg_shadow AS (SELECT 1) TABLE pg_shadow) x, pg_shadow",
    "WITH pg_shadow AS (SELECT 1) SELECT * FROM pg_catalog.pg_shadow",
    "WITH a AS (WITH pg_shadow AS (SELECT 1) TABLE pg_shadow), b AS (TABLE pg_shadow) TABLE b",
    'WITH "PG_SHADOW" AS (SELECT 1) SELECT * FROM pg_shadow',
  ];
  for (const sql of refused) assert.match(refusalOf(sql).message, /pg_shadow/);
  sentFor(
    "WITH pg_shadow AS (SELECT 1), b AS (TABLE pg_shadow) SELECT * FROM b, (SELECT * FROM pg_shadow) c",
  );
  sentFor("WITH RECURSIVE a AS (TABLE b), b AS (SELECT 1) TABLE a");
  sentFor("WITH x AS (SELECT 1) SELECT (SELECT count(*) FROM x) UNION SELECT 1 FROM x");
});

Deno.test("planText() gives PostgreSQL's own message and position for a syntax error", () => {
  const plan = refusalOf("SELECT 'é' FRM person WHERE");
  assert.equal(plan.sqlstate, "42601");
  assert.equal(plan.message, 'syntax error at or near "person"');
  assert.equal(plan.position, 16);
});

Deno.test("planText() refuses a text that PostgreSQL cannot have: NUL, an unpaired surrogate", () => {
  assert.equal(refusalOf("SELECT 1\0; DROP TABLE person").sqlstate, "22021");
  assert.equal(refusalOf("SELECT '\ud800'").sqlstate, "22021");
});

Deno.test("planText() refuses a text of more than 256 KiB, counted in bytes", () => {
  assert.equal(planOf(`SELECT '${"x".repeat(262_134)}'`).kind, "forward");
  assert.equal(refusalOf(`SELECT '${"é".repeat(140_000)}'`).sqlstate, "54000");
  assert.equal(refusalOf(`SELECT 1 IN (${"1234567,".repeat(130_000)}1)`).sqlstate, "54000");
});

Deno.test("planText() refuses a text of more than 200 statements", () => {
  assert.equal(plansOf("SELECT 1;".repeat(200)).length, 200);
  assert.equal(refusalOf("SELECT 1;".repeat(201)).sqlstate, "54000");
});

Deno.test("planText() logs the beginning of a long statement, wherever it is cut", () => {
  const long = "x".repeat(10_000);
  for (const [start, end] of [["'", "'"], ['"', '"'], ["/*", "*/ 2"], ["1 + ", ""]]) {
    const plan = planOf(`SELECT 1, ${start}${long}${end}`);
    assert.match(plan.normalized ?? "", /^SELECT \?(, …|,).*\(of \d+ characters\)$/);
    assert((plan.normalized ?? "").length < 5_000);
  }
  assert.doesNotMatch(planOf(`SELECT $a$${long}$a$`).normalized ?? "", /x/);
});

Deno.test("planText() refuses thousands of look-ups before it writes them", () => {
  for (const value of ["1::regclass", "format_type(1, 2)", "to_regtype('1')", "pg_get_indexdef(1)"]) {
    const many = (count: number): string => `SELECT ${`${value},`.repeat(count)}1`;
    assert.equal(planOf(many(50)).kind, "forward");
    const plan = refusalOf(many(2_000));
    assert.equal(plan.sqlstate, "54001");
    assert.match(plan.message, /500 relations.*looked up by OID/);
  }
});

Deno.test("planText() refuses deep nesting, and takes what people write", () => {
  const nested = (depth: number): string => `${"SELECT (".repeat(depth)}SELECT 1${")".repeat(depth)}`;
  assert.equal(planOf(nested(20)).kind, "forward");
  assert.equal(refusalOf(nested(400)).sqlstate, "54001");
  assert.equal(planOf(`SELECT 1${" + 1".repeat(150)}`).kind, "forward");
  assert.equal(planOf(`SELECT 1 WHERE 1 = 1${" AND 1 = 1".repeat(4_900)}`).kind, "forward");
  assert.equal(refusalOf(`SELECT 1${" + 1".repeat(2_000)}`).sqlstate, "54001");
});

Deno.test("planText() refuses writes with 25006 and the rest with 42501, with a hint", () => {
  assert.deepEqual(
    ["DELETE FROM person", "BEGIN READ WRITE", "SELECT pg_sleep(1)"].map((sql) => refusalOf(sql).sqlstate),
    ["25006", "25006", "42501"],
  );
  assert.match(refusalOf("DELETE FROM person").hint ?? "", /SELECT/);
});

Deno.test("planText() keeps constants and comments out of what is logged", () => {
  const secrets =
    "INSERT INTO person VALUES ('Jane Roe', 19700101, E'Ja\\'ne', $$Jane$$, B'01', 1e3) -- Jane";
  const { normalized } = refusalOf(secrets);
  assert.equal(normalized, "INSERT INTO person VALUES (?, …)");
  assert.equal(refusalOf("SELEC 'Jane' /* Jane */").normalized, "SELEC ?");
  const plan = planOf('SELECT "person_id" FROM person WHERE person_id = 42 AND x = $1 AND y IN (1, 2, 3)');
  assert.equal(
    plan.normalized,
    'SELECT "person_id" FROM person WHERE person_id = ? AND x = $1 AND y IN (?, …)',
  );
  assert.equal(refusalOf("SELECT 'unterminated Jane").normalized, null);
});

Deno.test("planText() sends a name whole: U+00A0 and U+FEFF are letters to PostgreSQL", () => {
  for (const letter of ["\u00a0", "\ufeff", "\u2003", "\u3000"]) {
    const sql = `WITH "pg_authid${letter}" AS (SELECT 1) SELECT * FROM pg_authid${letter}`;
    assert.equal(sentFor(sql), sql);
    const [first] = plansOf(`${sql} ; SELECT 1`);
    assert(first?.kind === "forward" && first.sql === sql);
  }
  assert.equal(sentFor("\n\t SELECT 1 \f\v\r "), "SELECT 1");
});

Deno.test("planText() refuses table.name where the site has a function of that name", () => {
  const policy = { ...POLICY, rowFunctions: new Set(["spy"]) };
  assert.match(refusalOf("SELECT p.spy FROM person p", policy).message, /own function "spy"/);
  refusalOf("SELECT cdm.person.spy FROM person", policy);
  refusalOf("SELECT x.spy FROM (SELECT p FROM person p) x", policy);
  sentFor("SELECT p.person_id, spy FROM person p", policy);
});

Deno.test("planText() refuses a catalog that a subquery cannot replace, and says so", () => {
  assert.match(
    refusalOf("SELECT relname FROM pg_class TABLESAMPLE SYSTEM (9)").hint ?? "",
    /Name catalogs plainly/,
  );
  assert.match(refusalOf("SELECT relname FROM ONLY pg_class").message, /ONLY is not allowed before catalog/);
  assert.match(refusalOf("COPY pg_index TO STDOUT").message, /COPY of a catalog/);
  // the guard's own subqueries, by another's hand, with one thing changed
  const sent = sentFor("SELECT c.oid FROM pg_index AS c");
  assert.equal(sentFor(sent), sent);
  for (
    const [from, to] of [["pg_catalog.pg_index", "pg_catalog.pg_authid"], ["'cdm'", "'site'"], [
      " IN ",
      " NOT IN ",
    ]] as const
  ) {
    const other = sent.replace(from, to);
    assert.notEqual(other, sent);
    const plan = planOf(other);
    assert.ok(plan.kind === "refuse" || plan.sql !== other, other);
  }
  const argument = sentFor("SELECT pg_get_constraintdef(7)");
  assert.equal(sentFor(argument), argument);
  const wider = argument.replace("omcp_x.oid = omcp_q.a", "true OR omcp_x.oid = omcp_q.a");
  assert.notEqual(sentFor(wider), wider);
  refusalOf(argument.replace("(7)", "(lo_create(0))"));
  const name = sentFor("SELECT 7::regclass");
  assert.equal(sentFor(name), name);
  for (
    const [from, to] of [["omcp_q.a < 16384", "omcp_q.a < 99999"], [" IN ", " NOT IN "], [
      "ELSE",
      "WHEN true THEN 7 ELSE",
    ]]
  ) {
    const other = name.replace(from ?? "", to ?? "");
    const plan = planOf(other);
    assert.ok(other !== name && (plan.kind === "refuse" || plan.sql !== other), other);
  }
  refusalOf(name.replace("(7::regclass)", "(lo_create(0))"));
});
