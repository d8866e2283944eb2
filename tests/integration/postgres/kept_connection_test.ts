/** The connection that queries keep, on a Postgres that shows its sessions. */
import assert from "node:assert/strict";
import type { ConnectedServer } from "../../../src/cli/demo/client.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { newSandbox, withServer } from "../../fixtures/server.ts";
import { startPostgres } from "../../fixtures/postgres/test_postgres.ts";
import uses from "./kept_connection.py" with { type: "text" };

Deno.test("queries keep one connection, which may end at any time and gives way to others", async (t) => {
  const database = await startPostgres({ sample: true });
  const environment = { OMCP_DATABASE_URL: `${database.url}?sslmode=disable`, OMCP_DISCLOSURE: "open" };
  /** Process ids of the kept connections. */
  async function kept(): Promise<string> {
    return await database.sql(
      "SELECT string_agg(pid::text, ',' ORDER BY pid) FROM pg_stat_activity WHERE application_name = 'omcp kept'",
    );
  }
  async function hasEnded(pid: string): Promise<void> {
    await eventually(async () => await kept() !== pid, "its process has ended");
  }
  async function test(server: ConnectedServer): Promise<void> {
    const sandbox_id = await newSandbox(server);
    async function counts(): Promise<void> {
      const query = { sandbox_id, table: "person", aggregates: [{ fn: "count", as: "n" }], into: "counted" };
      const { text } = await server.call("query_omop", query);
      assert.match(text, /`counted`: 1 row[^]*1000/);
    }
    async function run(code: string): Promise<string> {
      return (await server.call("execute_python_code", { sandbox_id, code })).text;
    }
    let own = "";

    await t.step("tool and package use the same one", async () => {
      await counts();
      own = await kept();
      assert.match(own, /^\d+$/);
      await counts();
      assert.match(
        await run(`${uses}\nint(omcp.query("person", aggregates=[{"fn": "count"}]).iloc[0, 0])`),
        /1000/,
      );
      assert.equal(await kept(), own);
    });

    await t.step("SQL uses it, too, and leaves nothing in its session", async () => {
      async function sql(text: string, limit = 10): Promise<string> {
        return (await server.call("run_sql", { sandbox_id, sql: text, limit })).text;
      }
      assert.match(await sql("SELECT set_config('TimeZone', 'Asia/Tokyo', false) AS zone"), /Asia\/Tokyo/);
      assert.match(await sql("SHOW TimeZone"), /UTC/);
      assert.match(await run('omcp.sql("SHOW TimeZone").iloc[0, 0]'), /UTC/);
      // What is beyond the limit is not read.
      assert.match(await sql("SELECT person_id FROM cdm.person", 2), /2 rows/);
      await counts();
      assert.equal(await kept(), own);
      // A statement without rows may have begun something that outlives a transaction.
      assert.match(await sql("PREPARE a AS SELECT 1"), /returns no rows/);
      await counts();
      const before = own;
      await eventually(async () => /^\d+$/.test(own = await kept()) && own !== before, "a new one is left");
    });

    await t.step("a forked process has its own, and leaves that of its parent", async () => {
      assert.match(await run("in_child()"), /\(1000, False\)/);
      await counts();
      assert.equal(await kept(), own);
    });

    await t.step("threads have their own", async () => {
      assert.match(await run("in_threads()"), /\[1000, 1000, 1000, 1000\]/);
      await eventually(async () => /^\d+$/.test(await kept()), "one is left");
    });

    await t.step("after an error and an interrupt, the next query has a new one", async () => {
      assert.match(await run("fails()"), /DivisionByZero/);
      await counts();
      assert.match(await run("is_interrupted()"), /KeyboardInterrupt/);
      await counts();
      await eventually(async () => /^\d+$/.test(await kept()), "one is left");
    });

    await t.step("user code that closes its descriptor loses no file", async () => {
      assert.match(await run("loses_descriptor()"), /\(True, 1000, b''\)/);
      await counts();
      assert.match(await run("loses_descriptor_in_child()"), /\(0, 1000\)/);
      await counts();
    });

    await t.step("the environment's settings of libpq hold for the next query", async () => {
      assert.match(await run("with_options()"), /\['UTC', 'Asia\/Tokyo', 'UTC'\]/);
    });

    await t.step(
      "dates and numbers are read in each form; a date that pandas lacks is an error",
      async () => {
        const read = await run("' | '.join(map(str, reads_dates()))");
        const days = "2020-12-31 00:00:00 | 0.1 | 2020-12-31 00:00:00 | 0.1 | 10000-01-01 00:00:00";
        assert.ok(read.includes(`${days} | Cast that column to text. | Cast that column to text.`), read);
        await counts();
      },
    );

    await t.step("it gives way to the sandbox's other connections", async () => {
      await counts();
      assert.match(await run("opens_all()"), /^\[value\]\n8\n/);
      await counts();
    });

    await t.step("it gives way where the role has no connection left", async () => {
      const open = await database.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'omcp_reader'");
      await database.sql(`ALTER ROLE omcp_reader CONNECTION LIMIT ${Number(open)}`);
      assert.match(await run("psycopg.connect().close()\n'connected'"), /'connected'/);
      await database.sql("ALTER ROLE omcp_reader CONNECTION LIMIT -1");
      await counts();
    });

    await t.step("a query finds it terminated, or the server restarted, and works", async () => {
      const ended = await kept();
      await database.sql(`SELECT pg_terminate_backend(${ended})`);
      await hasEnded(ended);
      await counts();
      await database.crash();
      await eventually(async () => await database.sql("SELECT 1") === "1", "the server is back");
      await counts();
    });
  }
  try {
    await withServer(environment, test, { databaseHost: `127.0.0.1:${database.port}` });
  } finally {
    await database.stop();
  }
});
