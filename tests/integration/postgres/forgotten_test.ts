import assert from "node:assert/strict";
import { newSandbox, withServer } from "../../fixtures/server.ts";

/** What agents write: each cell opens a connection and forgets it, in a reference cycle or in an exception's frames. */
const FORGETFUL: Readonly<Record<string, string>> = {
  "a failed statement": `import psycopg
conn = psycopg.connect()
conn.execute("SELECT nope FROM person")`,
  "an engine of SQLAlchemy for each cell": `import sqlalchemy, pandas
engine = sqlalchemy.create_engine("postgresql+psycopg://")
pandas.read_sql("SELECT count(*) AS n FROM person", engine).n[0]`,
  "a connection in a cycle": `import psycopg
class Holder: pass
holder = Holder(); holder.me = holder; holder.conn = psycopg.connect()
holder.conn.execute("SELECT 1").fetchone()`,
};

Deno.test("connections that cells forget do not use up the sandbox's", async (t) => {
  await withServer({}, async (server) => {
    // One sandbox: what a step forgets is in the way of the next ones, too.
    const sandbox_id = await newSandbox(server);
    for (const [name, code] of Object.entries(FORGETFUL)) {
      await t.step(name, async () => {
        for (let cell = 0; cell < 20; cell += 1) {
          const { text } = await server.call("execute_python_code", { sandbox_id, code });
          assert.doesNotMatch(text, /too many connections/, `cell ${cell}`);
        }
      });
    }
    await t.step(
      "a statement that takes too long says that the cell's timeout does not change it",
      async () => {
        const code = `import psycopg
conn = psycopg.connect()
conn.execute("SET statement_timeout = 50")
conn.execute("SELECT count(*) FROM person a, person b, person c")`;
        const { text } = await server.call("execute_python_code", { sandbox_id, code });
        assert.match(text, /statement timeout[^]*HINT:[^]*OMCP_QUERY_SECONDS/);
      },
    );
    await t.step("when all are in use, the message says what to do", async () => {
      const code = "import psycopg; held = [psycopg.connect() for _ in range(20)]";
      const { text } = await server.call("execute_python_code", { sandbox_id, code });
      assert.match(text, /too many connections[^]*engine\.dispose\(\)[^]*gc\.collect\(\)/);
    });
  });
});
