/** PREPARE and EXECUTE in SQL, beside the protocol's own prepared statements: one set of names at the server. */
import assert from "node:assert/strict";
import { urlUpstream } from "../../../src/postgres/mod.ts";
import { cstring, FRONTEND, int32, message } from "../../../src/postgres/wire/message.ts";
import { startPostgres, type TestPostgres } from "../../fixtures/postgres/test_postgres.ts";
import { withGuarded } from "../../fixtures/postgres/guarded.ts";
import {
  bind,
  describe,
  errorOf,
  execute,
  firstColumn,
  parse,
  RawClient,
  SYNC,
  types,
} from "../../fixtures/postgres/raw_client.ts";

let server: TestPostgres;

Deno.test.beforeAll(async function start() {
  server = await startPostgres();
  await server.sql(`CREATE SCHEMA IF NOT EXISTS cdm; GRANT USAGE ON SCHEMA cdm TO omcp_reader;
    CREATE TABLE IF NOT EXISTS cdm.person (person_id bigint); GRANT SELECT ON cdm.person TO omcp_reader;
    INSERT INTO cdm.person SELECT generate_series(1, 10)`);
});

Deno.test.afterAll(async function stop() {
  await server.stop();
});

interface Session {
  readonly client: RawClient;
  /** The audit: commands of what ran. */
  readonly commands: string[];
}

async function withSession(
  part: (session: Session) => Promise<void>,
  limits: { preparedStatements?: number; cursors?: number; savepoints?: number } = {},
): Promise<void> {
  const commands: string[] = [];
  await withGuarded({
    upstream: urlUpstream(server.url),
    cdmRelations: new Set(["person"]),
    audit: ({ command, normalizedSql }) => commands.push(`${command}: ${normalizedSql}`),
    limits,
  }, (client) => part({ client, commands }));
}

/** Binds one parameter, as text. */
function bindText(statement: string, value: string): Uint8Array {
  const text = new TextEncoder().encode(value);
  const counts = new Uint8Array([0, 0, 0, 1]);
  return message(
    FRONTEND.bind,
    cstring(""),
    cstring(statement),
    counts,
    int32(text.length),
    text,
    new Uint8Array(2),
  );
}

Deno.test("PREPARE, EXECUTE and DEALLOCATE work in both protocols, and see the protocol's own statements", async () => {
  await withSession(async ({ client, commands }) => {
    const prepare = "PREPARE q (int) AS SELECT count(*) FROM person WHERE person_id <= $1";
    assert.deepEqual(firstColumn(await client.query(`${prepare}; EXECUTE q(3); EXECUTE q(4 + 1)`)), [
      "3",
      "5",
    ]);
    // what SQL has prepared, the protocol binds
    await client.send(bindText("q", "7"), execute(""), SYNC);
    assert.deepEqual(firstColumn(await client.until("Z")), ["7"]);
    assert.ok(commands.some((line) => line.startsWith("select: PREPARE q")), commands.join("\n"));
    // and the other way round, with a name beyond ASCII
    await client.send(parse("é", "SELECT 42"), SYNC);
    await client.until("Z");
    assert.deepEqual(firstColumn(await client.query('EXECUTE "é"')), ["42"]);
    assert.equal(errorOf(await client.query('DEALLOCATE "é"')), undefined);
    assert.equal(errorOf(await client.query('EXECUTE "é"'))?.sqlstate, "26000");
    await client.send(parse("", "EXECUTE q(2)"), bind("", ""), execute(""), SYNC);
    assert.deepEqual(firstColumn(await client.until("Z")), ["2"]);
    assert.match(errorOf(await client.query("PREPARE q AS SELECT 1"))?.sqlstate ?? "", /42P05/);
    await client.send(describe("S", "q", FRONTEND.close), SYNC);
    assert.equal(types(await client.until("Z")), "3Z");
    assert.equal(errorOf(await client.query("EXECUTE q(1)"))?.sqlstate, "26000");
    assert.equal(errorOf(await client.query(`${prepare}; DEALLOCATE ALL; ${prepare}`)), undefined);
    assert.equal(errorOf(await client.query("PREPARE w AS DELETE FROM person"))?.sqlstate, "25006");
    assert.deepEqual(firstColumn(await client.query("EXECUTE q(1)")), ["1"]);
  });
});

Deno.test("statements prepared by SQL count with the protocol's", async () => {
  await withSession(async ({ client }) => {
    const many = Array.from({ length: 4 }, (_, at) => `PREPARE q${at} AS SELECT 1`).join(";");
    assert.match(errorOf(await client.query(many))?.message ?? "", /at most 3 prepared statements/);
    // The three before it went in one text with the one too many: they are prepared.
    assert.equal(errorOf(await client.query("DEALLOCATE q0")), undefined);
    await client.send(parse("w", "SELECT 1"), SYNC);
    assert.equal(errorOf(await client.until("Z")), undefined);
    await client.send(parse("x", "SELECT 1"), SYNC);
    assert.equal(errorOf(await client.until("Z"))?.sqlstate, "53000");
    await client.send(parse("", "PREPARE x AS SELECT 1"), bind("", ""), execute(""), SYNC);
    assert.equal(errorOf(await client.until("Z"))?.sqlstate, "53000");
    assert.equal(errorOf(await client.query("PREPARE x AS SELECT 1"))?.sqlstate, "53000");
    assert.equal(errorOf(await client.query("DEALLOCATE ALL")), undefined);
    // texts that follow each other without waiting are counted too
    await client.send(...Array.from({ length: 4 }, (_, at) => [parse(`a${at}`, "SELECT 1"), SYNC]).flat());
    const errors = [];
    for (let at = 0; at < 4; at += 1) errors.push(errorOf(await client.until("Z"))?.sqlstate);
    assert.deepEqual(errors, [undefined, undefined, undefined, "53000"]);
  }, { preparedStatements: 3 });
});

Deno.test("EXECUTE runs a SELECT and nothing else that the protocol has prepared", async () => {
  await withSession(async ({ client }) => {
    const others = {
      s: "SAVEPOINT s",
      d: "DECLARE c CURSOR FOR SELECT 1",
      t: "SET timezone = 'UTC'",
      c: "SELECT set_config('timezone', 'UTC', false)",
      b: "COMMIT",
      e: "EXECUTE s",
      x: "EXPLAIN SELECT 1",
    };
    for (const [name, sql] of Object.entries(others)) {
      await client.send(parse(name, sql), SYNC);
      assert.equal(errorOf(await client.until("Z")), undefined, sql);
    }
    await client.query("BEGIN; SAVEPOINT a");
    for (const [name, sql] of Object.entries(others)) {
      for (const text of [`EXECUTE ${name}`, `EXPLAIN ANALYZE EXECUTE ${name}`]) {
        assert.equal(errorOf(await client.query(text))?.sqlstate, "0A000", `${text}: ${sql}`);
        await client.query("ROLLBACK TO a");
        await client.send(parse("", text), bind("", ""), execute(""), SYNC);
        assert.equal(errorOf(await client.until("Z"))?.sqlstate, "0A000", `${text}: ${sql}`);
        await client.query("ROLLBACK TO a");
      }
    }
    // a statement that was harmless when it was bound
    await client.send(
      parse("late", "EXECUTE later"),
      parse("later", "SAVEPOINT z"),
      bind("", "late"),
      execute(""),
      SYNC,
    );
    assert.equal(errorOf(await client.until("Z"))?.sqlstate, "0A000");
    await client.query("ROLLBACK");
    await client.send(bind("", "s"), execute(""), SYNC);
    assert.match(
      errorOf(await client.until("Z"))?.message ?? "",
      /SAVEPOINT can only be used in transaction blocks/,
    );
  });
});
