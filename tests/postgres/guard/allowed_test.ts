import assert from "node:assert/strict";
import { planOf, plansOf, sentFor } from "./planning.ts";

const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  select: [
    "SELECT 1",
    "select * from person",
    "SELECT p.person_id, p.* FROM cdm.person AS p WHERE p.gender_concept_id IN (8507, 8532)",
    'SELECT "person_id" FROM "cdm"."person" WHERE ctid BETWEEN \'(0,0)\'::tid AND \'(1000,0)\'::tid',
    "TABLE person",
    "VALUES (1, 'a'), (2, 'b')",
    "SELECT 1 UNION ALL (SELECT 2 INTERSECT SELECT 3) EXCEPT SELECT 4 ORDER BY 1 LIMIT 5 OFFSET 1",
    "SELECT person_id FROM person ORDER BY 1 FETCH FIRST 3 ROWS WITH TIES",
    "WITH a AS (SELECT 1 AS x), b AS MATERIALIZED (SELECT x FROM a) SELECT * FROM b JOIN a USING (x)",
    "WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 9) SELECT sum(n) FROM t",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION SELECT n FROM t) SEARCH DEPTH FIRST BY n SET o CYCLE n SET c USING p TABLE t",
    "SELECT * FROM person p, LATERAL (SELECT count(*) FROM condition_occurrence c WHERE c.person_id = p.person_id) n",
    "SELECT rank() OVER w, lag(x, 1, 0) OVER (PARTITION BY y ORDER BY x ROWS 2 PRECEDING) FROM (VALUES (1, 2)) v(x, y) WINDOW w AS (ORDER BY x)",
    "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY year_of_birth), mode() WITHIN GROUP (ORDER BY 1) FROM person",
    "SELECT count(*) FILTER (WHERE year_of_birth > 1950), count(DISTINCT person_id) FROM person GROUP BY GROUPING SETS ((race_concept_id), ROLLUP (gender_concept_id), CUBE (person_id), ())",
    "SELECT DISTINCT ON (person_id) person_id, grouping(person_id) FROM person GROUP BY person_id HAVING count(*) > 1",
    "SELECT * FROM person TABLESAMPLE SYSTEM (10) REPEATABLE (42)",
    "SELECT extract(year FROM now()), substring('abc' FROM 1 FOR 2), position('a' IN 'b'), trim(BOTH 'x' FROM 'y'), overlay('a' PLACING 'b' FROM 1)",
    "SELECT now() AT TIME ZONE 'UTC', (now(), now()) OVERLAPS (now(), now()), 'a' SIMILAR TO 'b', 'a' LIKE 'b' ESCAPE 'c'",
    "SELECT current_date, current_timestamp, localtime, current_user, session_user, current_schema, current_catalog",
    "SELECT coalesce(1, 2), greatest(1, 2), nullif(1, 2), CASE WHEN true THEN 1 ELSE 2 END, CASE 1 WHEN 2 THEN 3 END",
    "SELECT ARRAY[1, 2], (ARRAY[1, 2])[1], (ARRAY[1, 2])[1:2], array_agg(x ORDER BY x), 1 = ANY (ARRAY[1]) FROM generate_series(1, 3) AS x",
    "SELECT ARRAY(SELECT 1), EXISTS (SELECT 1), 1 IN (SELECT 2), (SELECT 3), 1 > ALL (SELECT 4)",
    "SELECT '{\"a\": 1}'::jsonb -> 'a', '{}'::json ->> 'a', '[1]'::jsonb @> '1', jsonb_path_query('{}', '$.a')",
    "SELECT json_object('a': 1), json_array(1, 2), json_arrayagg(x), json_value('{}', '$.a' RETURNING int DEFAULT 1 ON EMPTY), '{}' IS JSON FROM (VALUES (1)) v(x)",
    "SELECT t.a FROM json_table('[]', '$[*]' COLUMNS (a int PATH '$.a', NESTED PATH '$.b' COLUMNS (c text))) AS t",
    "SELECT '[1,2]'::int4range * int4range(1, 5), lower('[1,2]'::int4range), '[2020-01-01,)'::daterange @> current_date",
    "SELECT date_trunc('month', now()), age(now()), interval '1 day' * 2, date '2020-01-01', make_interval(days => 3)",
    "SELECT x.key, x.value FROM jsonb_each('{}') AS x",
    "SELECT x.a FROM json_to_recordset('[]') AS x(a int, b text)",
    "SELECT g, g.g FROM generate_series(1, 3) AS g",
    "SELECT generate_series.generate_series FROM generate_series(1, 3)",
    "SELECT u.a, u.n FROM unnest(ARRAY[1]) WITH ORDINALITY AS u(a, n)",
    "SELECT * FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY[1])) AS q(a, b)",
    "SELECT to_tsvector('english', 'a') @@ plainto_tsquery('a'), regexp_replace('a', 'b', 'c', 'g'), format('%s', 1)",
    "SELECT concat_ws(',', VARIADIC ARRAY['a', 'b']), pg_typeof(1), version(), pg_catalog.current_schema()",
    "SELECT 1 OPERATOR(pg_catalog.+) 2, 'a' COLLATE \"C\", 1::numeric(10, 2), 'x'::varchar(3)[], -1, NOT true",
    "SELECT row_to_json(p), p FROM person p",
    "SELECT a.x FROM (SELECT 1 AS x) a LEFT JOIN person b ON true CROSS JOIN concept NATURAL JOIN measurement",
    "SELECT current_setting('server_version'), current_setting('default_table_access_method', true)",
    "SELECT current_setting('jit') AS cur, set_config('jit', 'off', false) AS new",
    "SELECT oid::regtype::text FROM pg_type WHERE oid = to_regtype('int4')",
    "SELECT pg_catalog.format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'cdm.person'::regclass",
    "SELECT x.*, x.relname FROM (SELECT relname, n.nspname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace) x",
    "SELECT count(*) FROM pg_class c JOIN person p ON true, LATERAL (SELECT p.*) q",
    "SELECT * FROM pg_cursors",
    "SELECT * FROM unnest(ARRAY[1, 2], ARRAY['a', 'b']) AS u(n, t)",
    "SELECT pg_size_pretty(pg_relation_size('cdm.person')), pg_total_relation_size('person'::regclass)",
    "SELECT routine_name FROM information_schema.routines",
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'cdm'",
    "SELECT version(), (SELECT count(*) FROM pg_settings WHERE name LIKE 'rds%')",
    "SELECT datname FROM pg_catalog.pg_database",
    "SELECT pg_advisory_unlock_all()",
    "SELECT to_regclass('duckdb_secrets')",
    'SELECT U&"d\\0061te"(now())',
    "SELECT $tag$ DROP TABLE person; $tag$, E'\\'; DELETE FROM person; --'",
    "SELECT /* a /* nested */ comment */ 1 -- DROP",
  ],
  explain: [
    "EXPLAIN SELECT 1",
    "EXPLAIN ANALYZE VERBOSE SELECT count(*) FROM person",
    "EXPLAIN (ANALYZE, COSTS off, BUFFERS, FORMAT json) SELECT 1",
  ],
  copy_out: [
    "COPY (SELECT 1) TO STDOUT",
    "COPY (SELECT * FROM person) TO STDOUT (FORMAT binary)",
    'COPY (SELECT "person_id" FROM "cdm"."person") TO STDOUT (FORMAT "binary");',
    "COPY (select * from person limit 5) TO STDOUT WITH BINARY",
    "COPY person TO STDOUT CSV HEADER",
    "COPY cdm.person (person_id) TO STDOUT (FORMAT csv, DELIMITER ';', NULL '', QUOTE '\"', ENCODING 'UTF8', FORCE_QUOTE *)",
  ],
  show: [
    "SHOW transaction_isolation",
    "show transaction isolation level",
    "show standard_conforming_strings",
    "SHOW server_version",
    "SHOW TIME ZONE",
  ],
  set: [
    "SET application_name = 'x'",
    "SET client_encoding TO 'UTF8'",
    "SET NAMES 'utf-8'",
    "SET LOCAL extra_float_digits = 3",
    "SET datestyle TO iso, mdy",
    "SET TIME ZONE 'Europe/Berlin'",
    "SET standard_conforming_strings = on",
    "SET default_transaction_read_only = on",
    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "SET timezone TO DEFAULT",
    "RESET timezone",
  ],
  begin: [
    "BEGIN",
    "begin transaction",
    "START TRANSACTION READ ONLY",
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
  ],
  commit: ["COMMIT", "END", "commit work", "COMMIT AND CHAIN"],
  rollback: ["ROLLBACK", "ABORT", "ROLLBACK AND CHAIN"],
  savepoint: ['SAVEPOINT "_pg3_1"', "SAVEPOINT a"],
  release: ["RELEASE a", 'RELEASE SAVEPOINT "_pg3_1"'],
  rollback_to: ["ROLLBACK TO a", "ROLLBACK TO SAVEPOINT a"],
  declare: [
    'DECLARE "srv" CURSOR FOR SELECT * FROM person',
    'DECLARE "n" CURSOR WITHOUT HOLD FOR SELECT 1',
    "DECLARE c BINARY INSENSITIVE NO SCROLL CURSOR FOR VALUES (1)",
  ],
  fetch: ['FETCH FORWARD ALL FROM "srv"', "FETCH 10 c", "MOVE ABSOLUTE 3 IN c"],
  close: ['CLOSE "srv"', "CLOSE ALL"],
  deallocate: ["DEALLOCATE ALL", 'DEALLOCATE "_pg3_0"'],
  discard: ["DISCARD ALL", "DISCARD PLANS"],
  reset: ["RESET ALL"],
  unlisten: ["UNLISTEN *"],
};

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

Deno.test("planText() does not tell the names of other databases", () => {
  assert.equal(
    sentFor("select datname from pg_catalog.pg_database"),
    "SELECT pg_catalog.current_database() AS datname",
  );
});

Deno.test("planText() hands snapshots to a broker that tells them apart, and refuses them otherwise", () => {
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
