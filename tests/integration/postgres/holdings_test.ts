/** What one connection may hold open at the server. */
import assert from "node:assert/strict";
import { Bridge } from "../../fixtures/postgres/bridge.ts";
import { startPostgres, type TestPostgres } from "../../fixtures/postgres/test_postgres.ts";
import { permissivePlanner } from "../../fixtures/postgres/planner.ts";
import {
  bind,
  describe,
  errorOf,
  execute,
  parse,
  RawClient,
  SYNC,
  types,
} from "../../fixtures/postgres/raw_client.ts";
import { FRONTEND } from "../../../src/postgres/wire/message.ts";

let server: TestPostgres;

Deno.test.beforeAll(async function start() {
  server = await startPostgres();
});

Deno.test.afterAll(async function stop() {
  await server.stop();
});

Deno.test("cursors, named portals and savepoints are bounded in a transaction, however they are opened", async () => {
  await using bridge = new Bridge({
    url: server.url,
    planner: permissivePlanner,
    limits: { cursors: 5, savepoints: 5 },
  });
  const { client } = await RawClient.start(bridge.port);
  await using _ = client;
  const declare = (name: string) => `DECLARE ${name} CURSOR FOR SELECT 1`;

  await client.query("BEGIN");
  for (let turn = 0; turn < 20; turn += 1) {
    assert.equal(errorOf(await client.query(declare("c"))), undefined);
    assert.equal(errorOf(await client.query("CLOSE c")), undefined);
    assert.equal(errorOf(await client.query("SAVEPOINT s; RELEASE s")), undefined);
  }
  const many = Array.from({ length: 6 }, (_, at) => declare(`c${at}`)).join("; ");
  assert.match(errorOf(await client.query(many))?.message ?? "", /at most 5 cursors/);
  await client.query("ROLLBACK");

  await client.query("BEGIN");
  await client.send(parse("q", "SELECT 1"), SYNC);
  await client.until("Z");
  for (let at = 0; at < 5; at += 1) {
    await client.send(bind(`p${at}`, "q"), SYNC);
    assert.equal(errorOf(await client.until("Z")), undefined);
  }
  await client.send(bind("p5", "q"), SYNC);
  assert.equal(errorOf(await client.until("Z"))?.sqlstate, "53000");
  await client.query("ROLLBACK");
  await client.query("BEGIN");
  for (let turn = 0; turn < 20; turn += 1) {
    await client.send(bind("p", "q"), execute("p"), describe("P", "p", FRONTEND.close), SYNC);
    assert.equal(types(await client.until("Z")), "2DC3Z");
  }
  await client.query("ROLLBACK");

  await client.query("BEGIN");
  await client.send(parse("s", "SAVEPOINT s"), bind("", "s"), SYNC);
  await client.until("Z");
  await client.send(...Array.from({ length: 7 }, () => [bind("", "s"), execute("")]).flat(), SYNC);
  assert.match(errorOf(await client.until("Z"))?.message ?? "", /at most 5 savepoints/);
  await client.query("ROLLBACK");
  assert.equal(errorOf(await client.query("BEGIN; SAVEPOINT again; COMMIT")), undefined);
});
