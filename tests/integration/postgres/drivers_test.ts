import assert from "node:assert/strict";
import { newSandbox, withServer } from "../../fixtures/server.ts";

/** Each client connects with no argument, as in a user's notebook, and must see the same 1,000 persons. */
const CLIENTS: Readonly<Record<string, string>> = {
  "psycopg 3": `
import psycopg
with psycopg.connect() as c:
    n = c.execute("SELECT count(*) FROM person").fetchone()[0]
    assert c.execute("SELECT person_id FROM person WHERE person_id = %s", (1,), prepare=True).fetchone() is not None
n`,
  "psycopg 3 server-side cursor": `
import psycopg
with psycopg.connect() as c, c.cursor(name="big") as cur:
    cur.execute("SELECT person_id FROM person")
    n = sum(len(rows) for rows in iter(lambda: cur.fetchmany(300), []))
n`,
  "psycopg 3 pipeline": `
import psycopg
with psycopg.connect() as c, c.pipeline():
    a = c.execute("SELECT count(*) FROM person"); b = c.execute("SELECT 1")
    n = a.fetchone()[0] * b.fetchone()[0]
n`,
  "psycopg 3 COPY binary": `
import psycopg
with psycopg.connect() as c, c.cursor().copy("COPY (SELECT person_id FROM person) TO STDOUT (FORMAT binary)") as copy:
    copy.set_types(["int8"])
    n = sum(1 for _ in copy.rows())
n`,
  "psycopg2": `
import psycopg2
c = psycopg2.connect("")
cur = c.cursor(); cur.execute("SELECT count(*) FROM person"); n = cur.fetchone()[0]
cur = c.cursor("named"); cur.execute("SELECT person_id FROM person"); assert len(cur.fetchall()) == n
n`,
  "SQLAlchemy and pandas": `
import pandas as pd, sqlalchemy as sa
engine = sa.create_engine("postgresql+psycopg://")
n = int(pd.read_sql("SELECT count(*) AS n FROM person", engine)["n"][0])
assert len(pd.read_sql_table("person", engine)) == n
n`,
  "ADBC": `
import adbc_driver_postgresql.dbapi as adbc
with adbc.connect("postgresql:///") as c, c.cursor() as cur:
    cur.execute("SELECT count(*), 1.5::float8, 'a'::text, date '2020-02-29', ARRAY[1], true FROM person")
    import datetime
    assert cur.fetchone() == (1000, 1.5, "a", datetime.date(2020, 2, 29), [1], True)
    cur.execute("SELECT * FROM person")
    n = cur.fetch_arrow_table().num_rows
n`,
  "polars": `
import polars as pl
n = pl.read_database_uri("SELECT * FROM person", "postgresql:///", engine="adbc").height
n`,
  "pg8000": `
import pg8000.native
c = pg8000.native.Connection("omop", unix_sock="/run/postgresql/.s.PGSQL.5432")
c.run("start transaction"); n = c.run("SELECT count(*) FROM person WHERE person_id > :a", a=0)[0][0]; c.run("commit")
n`,
  "asyncpg with its pool": `
import asyncpg
async with asyncpg.create_pool(min_size=1, max_size=2) as pool:
    for _ in range(3):
        async with pool.acquire() as c:
            n = await c.fetchval("SELECT count(*) FROM person WHERE person_id > $1", 0)
n`,
  "asyncpg's cursor, COPY and composite values": `
import asyncpg, io
c = await asyncpg.connect()
async with c.transaction(readonly=True):
    n = 0
    async for row in c.cursor("SELECT p, ARRAY[1], int4range(1, 3), '{\\"a\\": 1}'::jsonb FROM person p", prefetch=300): n += 1
out = io.BytesIO()
assert await c.copy_from_table("person", schema_name="cdm", output=out, format="binary") == "COPY 1000"
await c.reset(); await c.close()
n`,
  "connectorx": `
import polars as pl
n = pl.read_database_uri("SELECT * FROM person", "postgresql://omop@%2Frun%2Fpostgresql/cdm", engine="connectorx").height
n`,
  "SQLAlchemy's reflection": `
import pandas as pd, sqlalchemy as sa
engine = sa.create_engine("postgresql+psycopg2://")
inspector = sa.inspect(engine)
assert "person" in inspector.get_table_names(schema="cdm")
assert inspector.get_pk_constraint("person", schema="cdm")["constrained_columns"] == ["person_id"]
assert len(inspector.get_foreign_keys("visit_occurrence", schema="cdm")) > 0
for schema in (None, "cdm"):
    assert len(inspector.get_indexes("measurement", schema=schema)) > 0 and len(inspector.get_columns("person", schema=schema)) > 10
    inspector.get_check_constraints("person", schema=schema); inspector.get_unique_constraints("person", schema=schema)
    inspector.get_table_comment("person", schema=schema); inspector.get_view_names(schema=schema)
    inspector.get_materialized_view_names(schema=schema); inspector.get_sequence_names(schema=schema)
    assert inspector.has_table("person", schema=schema) and not inspector.has_table("pg_authid2", schema=schema)
assert "cdm" in inspector.get_schema_names() and len(inspector.get_multi_indexes(schema="cdm")) > 10
inspector.get_enums(schema="cdm"); inspector.get_domains(schema="cdm")
metadata = sa.MetaData(schema="cdm"); metadata.reflect(engine, only=["person"])
with engine.connect() as c:
    n = c.execute(sa.select(sa.func.count()).select_from(metadata.tables["cdm.person"])).scalar()
    rows = pd.read_sql("SELECT * FROM measurement", c.execution_options(stream_results=True), chunksize=5000)
    assert sum(len(chunk) for chunk in rows) > 10_000
engine.dispose()
n`,
  "psycopg 3's and asyncpg's look-ups of types": `
import asyncpg, psycopg
from psycopg.types import TypeInfo
from psycopg.types.composite import CompositeInfo
from psycopg.types.multirange import MultirangeInfo
from psycopg.types.range import RangeInfo
with psycopg.connect() as c:
    assert TypeInfo.fetch(c, "int4").regtype == "integer" and RangeInfo.fetch(c, "int4range").subtype_oid == 23
    assert MultirangeInfo.fetch(c, "int4multirange").range_oid == RangeInfo.fetch(c, "int4range").oid
    assert CompositeInfo.fetch(c, "cdm.person").field_names[0] == "person_id"
a = await asyncpg.connect()
await a.set_type_codec("json", encoder=str, decoder=str, schema="pg_catalog")
row = await a.fetchrow("SELECT oid, oid::regclass AS name, relnamespace::regnamespace AS schema FROM pg_class WHERE oid = $1::regclass", "person")
assert (row["name"], row["schema"], await a.fetchval("SELECT to_regclass($1)", "person")) == ("person", "cdm", "person")
n = len(await a.fetch("SELECT p FROM person p"))
await a.close()
n`,
  "psycopg 3 cursors that scroll, savepoints, cancel": `
import psycopg, threading
with psycopg.connect() as c:
    with c.transaction(), c.transaction(): c.execute("SELECT 1")
    with c.cursor("scrolls", scrollable=True) as cur:
        cur.execute("SELECT person_id FROM person ORDER BY 1"); n = len(cur.fetchall())
        cur.scroll(0, "absolute"); assert cur.fetchone() == (1,)
    threading.Timer(0.3, c.cancel_safe).start()
    try:
        c.execute("SELECT count(*) FROM person a, person b, person c"); n = 0
    except psycopg.errors.QueryCanceled:
        pass
n`,
  "the SQL of analyses": `
import psycopg
with psycopg.connect() as c:
    for sql in [
        "SELECT percentile_cont(ARRAY[0.25, 0.5]) WITHIN GROUP (ORDER BY year_of_birth), mode() WITHIN GROUP (ORDER BY year_of_birth) FROM person",
        "SELECT lag(person_id) OVER w, avg(year_of_birth) OVER (w ROWS 2 PRECEDING) FROM person WINDOW w AS (PARTITION BY gender_concept_id ORDER BY person_id)",
        "SELECT p.person_id, v.* FROM person p CROSS JOIN LATERAL (SELECT * FROM visit_occurrence v WHERE v.person_id = p.person_id LIMIT 1) v",
        "WITH RECURSIVE d AS (SELECT 201826::bigint AS c UNION SELECT a.descendant_concept_id FROM concept_ancestor a JOIN d ON a.ancestor_concept_id = d.c) TABLE d",
        "SELECT jsonb_agg(row_to_json(p)) -> 0 ->> 'person_id', j.value FROM person p, json_array_elements_text('[1]') AS j GROUP BY 2",
        "SELECT array_agg(DISTINCT gender_concept_id), daterange('2020-01-01', NULL) && daterange('2020-06-01', NULL), (ARRAY[1, 2, 3])[2:3] FROM person",
        "SELECT gender_concept_id, grouping(gender_concept_id), count(*) FILTER (WHERE year_of_birth > 1980) FROM person GROUP BY CUBE (1)",
        "EXPLAIN (ANALYZE, FORMAT JSON) SELECT count(*) FROM person JOIN condition_occurrence USING (person_id)",
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'person'",
    ]:
        assert c.execute(sql).fetchone() is not None, sql
    n = c.execute("SELECT count(*) FROM person").fetchone()[0]
n`,
  "DuckDB's scanner over many tasks, by snapshots": `
import duckdb
d = duckdb.connect(); d.sql("LOAD postgres"); d.sql("ATTACH '' AS pg (TYPE postgres, READ_ONLY)")
d.sql("SET pg_pages_per_task = 20"); d.sql("SET threads = 4")
n = d.sql("SELECT count(DISTINCT person_id) FROM pg.cdm.person JOIN pg.cdm.measurement USING (person_id)").fetchone()[0]
n = 1000 if n > 500 and d.sql("SELECT count(*) FROM pg.cdm.measurement").fetchone()[0] > 10_000 else n
d.close()
n`,
  "DuckDB's scanner": `
import duckdb
d = duckdb.connect(); d.sql("LOAD postgres"); d.sql("ATTACH '' AS pg (TYPE postgres, READ_ONLY)")
n = d.sql("SELECT count(*) FROM pg.cdm.person").fetchone()[0]
n`,
};

Deno.test("Postgres clients inside a sandbox", async (t) => {
  await withServer({}, async (server) => {
    const sandbox_id = await newSandbox(server);
    for (const [client, code] of Object.entries(CLIENTS)) {
      await t.step(`${client} connects with no argument`, async () => {
        const reply = await server.call("execute_python_code", {
          sandbox_id,
          code: code.trim(),
          timeout: 60,
        });
        assert.equal(reply.isError, false, reply.text);
        assert.match(reply.text, /\[value\]\n1000/);
      });
    }

    await t.step("statements that would change anything are refused, and the session goes on", async () => {
      const code = `
import psycopg
refused = []
with psycopg.connect(autocommit=True) as c:
    for sql in ["DELETE FROM person", "CREATE TEMP TABLE t(a int)", "SELECT set_config('a.b', '1', false)", "SET transaction_read_only = off",
                "BEGIN READ WRITE", "SELECT pg_read_file('/etc/passwd')", "WITH d AS (DELETE FROM person RETURNING 1) SELECT * FROM d",
                "COPY person FROM STDIN", "SELECT * FROM pg_stat_activity", "DO $$ BEGIN END $$"]:
        try:
            c.execute(sql)
        except psycopg.Error as error:
            refused.append(error.sqlstate)
    left = c.execute("SELECT count(*) FROM person").fetchone()[0]
len(refused), left`;
      const reply = await server.call("execute_python_code", { sandbox_id, code });
      assert.match(reply.text, /\(10, 1000\)/);
    });
  });
});
