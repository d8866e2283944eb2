import assert from "node:assert/strict";
import { newSandbox, withServer } from "../fixtures/server.ts";

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
