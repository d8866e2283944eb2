/** Statements that ignore their cancel: what they leave at the server, and what the log says. */
import assert from "node:assert/strict";
import { DockerRuntime } from "../../../../src/runtime/docker/mod.ts";
import { LocalDatabase } from "../../../../src/postgres/local/container.ts";
import { LOCAL_ADMIN, LOCAL_DATABASE } from "../../../../src/postgres/local/mod.ts";
import { Database, localUpstream } from "../../../../src/postgres/mod.ts";
import type { StatementPlanner } from "../../../../src/postgres/broker/mod.ts";
import { ask, StreamUpstream } from "../../../../src/postgres/upstream/mod.ts";
import { int32 } from "../../../../src/postgres/wire/message.ts";
import { eventually } from "../../../fixtures/eventually.ts";
import { POSTGRES_IMAGE } from "../../../fixtures/images.ts";
import { Bridge, type BridgeOptions } from "../../../fixtures/postgres/bridge.ts";
import { startPostgres, type TestPostgres } from "../../../fixtures/postgres/test_postgres.ts";
import { permissivePlanner as planner } from "../../../fixtures/postgres/planner.ts";
import { errorOf, firstColumn, query, RawClient } from "../../../fixtures/postgres/raw_client.ts";
import { connectTestEngine } from "../../../fixtures/server.ts";

/** It catches its cancel, as a site's own function may. */
const STUBBORN = `CREATE FUNCTION cdm.stubborn() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
  LOOP BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$`;

/** How long anything may take to come about here, in milliseconds: a stubborn statement is ended late. */
const OVERRUN_MS = 20_000;

let server: TestPostgres;

Deno.test.beforeAll(async function start() {
  server = await startPostgres();
  await server.sql(`CREATE EXTENSION plpgsql; CREATE SCHEMA cdm; GRANT USAGE ON SCHEMA cdm TO omcp_reader;
    ${STUBBORN}; GRANT EXECUTE ON FUNCTION cdm.stubborn() TO omcp_reader;
    GRANT EXECUTE ON FUNCTION pg_terminate_backend TO omcp_reader`); // as everybody may on other servers
});

Deno.test.afterAll(async function stop() {
  await server.stop();
});

async function withBridge(limits: BridgeOptions["limits"], test: (bridge: Bridge) => Promise<void>) {
  await using bridge = new Bridge({ url: server.url, planner, ...(limits === undefined ? {} : { limits }) });
  await test(bridge);
}

/** The processes of sandboxes' sessions that run something. */
async function running(): Promise<readonly number[]> {
  const pids = await server.sql(
    "SELECT pid FROM pg_stat_activity WHERE usename = 'omcp_reader' AND state = 'active'",
  );
  return pids.split("\n").filter((pid) => pid !== "").map(Number);
}

async function begin(bridge: Bridge, sql: string): Promise<{ client: RawClient; key: Uint8Array }> {
  const { client, key } = await RawClient.start(bridge.port);
  await client.send(query(sql));
  await eventually(async () => (await running()).length === 1, "the statement runs", OVERRUN_MS);
  return { client, key };
}

async function cancel(port: number, key: Uint8Array): Promise<void> {
  await using canceller = await RawClient.connect(port);
  await canceller.send(int32(16, 80_877_102), key);
  assert.equal(await canceller.receive(), undefined);
}

async function assertGone(bridge: Bridge): Promise<void> {
  await eventually(() => bridge.count.open === 0 && bridge.serving === 0, "the permit is free", OVERRUN_MS);
  assert.deepEqual(await running(), []);
}

Deno.test("a statement that ignores its client's cancel is ended with its session", async () => {
  await withBridge(undefined, async (bridge) => {
    const { client, key } = await begin(bridge, "SELECT cdm.stubborn()");
    await using _ = client;
    await cancel(bridge.port, key);
    const error = errorOf(await client.until("never"));
    assert.equal(error?.sqlstate, "57014");
    assert.match(error?.message ?? "", /was cancelled and did not end: the connection is closed/);
    await assertGone(bridge);
    assert.deepEqual(bridge.overruns, ["terminated"]);
    const again = await RawClient.start(bridge.port);
    assert.deepEqual(firstColumn(await again.client.query("SELECT 1")), ["1"]);
    await again.client[Symbol.asyncDispose]();
  });
});

Deno.test("a statement that goes on beyond its time is ended with its session", async () => {
  await withBridge({ statementMs: 300 }, async (bridge) => {
    const { client } = await begin(bridge, "SELECT cdm.stubborn()");
    await using _ = client;
    assert.equal(errorOf(await client.until("never"))?.sqlstate, "57014");
    await assertGone(bridge);
    assert.deepEqual(bridge.overruns, ["terminated"]);
  });
});

Deno.test("statements that a client leaves behind are ended, those after the first too", async () => {
  await withBridge(undefined, async (bridge) => {
    for (const sql of ["SELECT cdm.stubborn()", "SELECT pg_sleep(600)"]) {
      const { client } = await begin(bridge, sql);
      await client.send(query("SELECT pg_sleep(600)"), query("SELECT cdm.stubborn()"));
      await client[Symbol.asyncDispose]();
      await assertGone(bridge);
    }
    assert.deepEqual(bridge.overruns, ["terminated", "terminated"]);
  });
});

Deno.test("a statement that obeys its cancel is not counted, and its session goes on", async () => {
  await withBridge(undefined, async (bridge) => {
    const { client, key } = await begin(bridge, "SELECT pg_sleep(600)");
    await cancel(bridge.port, key);
    assert.equal(errorOf(await client.until("Z"))?.sqlstate, "57014");
    // A cancel that came before must not count against what runs later.
    await client.query("SELECT pg_sleep(4)");
    await client.send(query("SELECT pg_sleep(600)"));
    await eventually(async () => (await running()).length === 1, "the statement runs", OVERRUN_MS);
    await client[Symbol.asyncDispose]();
    await assertGone(bridge);
    assert.deepEqual(bridge.overruns, []);
  });
});

Deno.test("a cancel reaches a statement that is still being checked", async () => {
  const checking = Promise.withResolvers<void>();
  const checked = Promise.withResolvers<void>();
  const slow: StatementPlanner = {
    ...planner,
    async plan(sql, protocol) {
      if (sql.includes("sleep")) {
        checking.resolve();
        await checked.promise;
      }
      return await planner.plan(sql, protocol);
    },
  };
  await using bridge = new Bridge({ url: server.url, planner: slow });
  const { client, key } = await RawClient.start(bridge.port);
  await using _ = client;
  await client.send(query("SELECT pg_sleep(600)"));
  await checking.promise;
  await cancel(bridge.port, key);
  checked.resolve();
  assert.equal(errorOf(await client.until("Z"))?.sqlstate, "57014");
  assert.deepEqual(firstColumn(await client.query("SELECT 1")), ["1"]);
});

Deno.test("a process that ignores cancel and termination is given up in time, and counted as still running", async () => {
  await withBridge(undefined, async (bridge) => {
    // It writes no temporary files: to delete them takes the process seconds on a busy disk.
    const { client, key } = await begin(bridge, "SELECT pg_sleep(600)");
    await using _ = client;
    const [pid] = await running();
    await server.signal(pid ?? 0, "STOP");
    try {
      await cancel(bridge.port, key);
      assert.equal(errorOf(await client.until("never"))?.sqlstate, "57014");
      await eventually(() => bridge.serving === 0, "the client is gone", OVERRUN_MS);
      assert.deepEqual(bridge.overruns, ["still_running"]);
      assert.equal(bridge.count.open, 1);
    } finally {
      await server.signal(pid ?? 0, "CONT");
    }
    await assertGone(bridge);
  });
});

/** PostgreSQL compares for hours, and looks at no signal meanwhile. */
const DEAF = "SELECT repeat(repeat('a', 1000), 4000) LIKE '%' || repeat(repeat('a', 1000), 2000) || 'b'";

Deno.test("a statement that nothing ends keeps its connection's permit, so that the number of such statements is bounded", async () => {
  await withBridge({ connectionsPerSandbox: 2 }, async (bridge) => {
    for (const left of [1, 2]) {
      const { client } = await RawClient.start(bridge.port);
      await client.send(query(DEAF));
      await eventually(async () => (await running()).length === left, "the statement runs", OVERRUN_MS);
      await client[Symbol.asyncDispose]();
      await eventually(() => bridge.serving === 0, "the client is gone", OVERRUN_MS);
      assert.equal(bridge.count.open, left);
    }
    assert.deepEqual(bridge.overruns, ["still_running", "still_running"]);
    const { client, greeting } = await RawClient.start(bridge.port);
    await using _ = client;
    assert.equal(errorOf(greeting)?.sqlstate, "53300");
    assert.match(
      errorOf(greeting)?.message ?? "",
      /2 of them run statements that were cancelled and do not end/,
    );
    await server.crash();
    await assertGone(bridge);
    const again = await RawClient.start(bridge.port);
    assert.deepEqual(firstColumn(await again.client.query("SELECT 1")), ["1"]);
    await again.client[Symbol.asyncDispose]();
  });
});

Deno.test("the local database's sessions are ended too, although their role may not end sessions", async () => {
  const engine = await connectTestEngine();
  const local = new LocalDatabase({
    runtime: new DockerRuntime(engine),
    instance: `test-${crypto.randomUUID()}`,
    image: POSTGRES_IMAGE,
    data: { kind: "sample" },
    leaseSeconds: 60,
    cpus: undefined,
  });
  const open = (signal: AbortSignal) => local.open(signal);
  const admin = new StreamUpstream({
    open,
    user: LOCAL_ADMIN,
    database: LOCAL_DATABASE,
    description: "admin",
  });
  const database = new Database({
    upstream: localUpstream(open),
    cdmSchema: "cdm",
    cdmRelations: new Set(["person"]),
    audit: () => {},
    extraFunctions: ["cdm.stubborn"],
  });
  try {
    const signal = AbortSignal.timeout(60_000);
    const session = await admin.connect({}, signal);
    await ask(session, "CREATE EXTENSION plpgsql", signal);
    await ask(session, `${STUBBORN}; GRANT EXECUTE ON FUNCTION cdm.stubborn() TO omcp_reader`, signal);
    const { client } = await RawClient.through(database.serve("sb_1"));
    await client.send(query("SELECT cdm.stubborn()"));
    const count = async (): Promise<string | null | undefined> =>
      (await ask(session, "SELECT count(*) FROM pg_stat_activity WHERE query ~ '^SELECT cdm'", signal))[0]
        ?.[0];
    await eventually(async () => await count() === "1", "it runs", OVERRUN_MS);
    await client[Symbol.asyncDispose]();
    await eventually(() => database.connections === 0, "its permit is free", OVERRUN_MS);
    assert.equal(await count(), "0");
    assert.deepEqual(database.overruns, { terminated: 1, still_running: 0 });
    session.close();
  } finally {
    await database.close();
    await local.close();
    engine.close();
  }
});
