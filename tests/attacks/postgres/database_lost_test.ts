/** The local database is killed, or its memory or disk exhausted, in the middle of a result. */
import assert from "node:assert/strict";
import { type ConnectedServer, connectServer } from "../../../src/cli/demo/client.ts";
import { LABEL_INSTANCE, LABEL_ROLE } from "../../../src/runtime/mod.ts";
import {
  assertNothingLeft,
  connectTestEngine,
  newInstance,
  newSandbox,
  WITHOUT_POOL,
  withServer,
} from "../../fixtures/server.ts";

const STREAM = `
import psycopg
with psycopg.connect(autocommit=True) as c, c.cursor().copy("COPY (SELECT repeat('x', 1000), generate_series(1, 5000000)) TO STDOUT") as copy:
    rows, outcome = 0, "whole"
    try:
        for _ in copy: rows += 1
    except psycopg.Error as error:
        outcome = str(error).splitlines()[0]
rows, outcome`;

const COUNT = `
import psycopg
with psycopg.connect(connect_timeout=30) as c: n = c.execute("SELECT count(*) FROM person").fetchone()[0]
n`;

async function run(server: ConnectedServer, sandbox_id: string, code: string): Promise<string> {
  return (await server.call("execute_python_code", { sandbox_id, code, timeout: 60 })).text;
}

Deno.test("a database that is killed in the middle of a result is an error, and the next query finds it restarted", async () => {
  const engine = await connectTestEngine();
  const instance = newInstance();
  const server = await connectServer({
    OMCP_LOG_LEVEL: "error",
    OMCP_INSTANCE: instance,
    ...WITHOUT_POOL,
    // A result that is not over when the database is killed.
    OMCP_MEMORY_MIB: "8192",
    OMCP_QUERY_RESULT_MIB: "1024",
  });
  try {
    const sandbox_id = await newSandbox(server);
    assert.match(await run(server, sandbox_id, COUNT), /1000/);
    const labels = { [LABEL_INSTANCE]: instance, [LABEL_ROLE]: "database" };
    const [database] = await engine.listContainers({ labels });
    assert.ok(database !== undefined);
    const streaming = run(server, sandbox_id, STREAM);
    await new Promise((resolve) => setTimeout(resolve, 700));
    await engine.killContainer(database.id);
    // After half a message the gateway cannot send an error: libpq reports the lost connection.
    assert.match(
      await streaming,
      /database was lost: connect again|server closed the connection unexpectedly/,
    );
    assert.match(await run(server, sandbox_id, COUNT), /1000/);
  } finally {
    await server.close();
    await assertNothingLeft(engine, instance);
  }
});

Deno.test("a query that exhausts memory or disk fails without harming others", async () => {
  await withServer({}, async (server) => {
    const [hostile, neighbour] = [await newSandbox(server), await newSandbox(server)];
    const open = `import psycopg; c = psycopg.connect(autocommit=True); c.execute("SELECT 1").fetchone()`;
    assert.match(await run(server, neighbour, open), /\(1,\)/);
    const bombs = [
      [
        "SELECT array_length(array_agg(repeat('x', 90000000) || g), 1) FROM generate_series(1, 50) g",
        "53200",
      ],
      [
        "SELECT * FROM (SELECT g, repeat('x', 100) FROM generate_series(1, 20000000) g ORDER BY random()) s OFFSET 1000000 LIMIT 1",
        "53400",
      ],
    ];
    for (const [sql, sqlstate] of bombs) {
      const code = `
import psycopg
with psycopg.connect(autocommit=True) as c:
    try:
        outcome = c.execute(${JSON.stringify(sql)}).fetchone()
    except psycopg.Error as error:
        outcome = error.sqlstate
outcome`;
      assert.match(await run(server, hostile, code), new RegExp(`'${sqlstate}'`));
      assert.match(await run(server, neighbour, `c.execute("SELECT 2").fetchone()`), /\(2,\)/);
    }
  });
});
