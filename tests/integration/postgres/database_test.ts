import assert from "node:assert/strict";
import type { AuditEntry } from "../../../src/postgres/broker/mod.ts";
import { Database, type DatabaseOptions, urlUpstream } from "../../../src/postgres/mod.ts";
import type { SessionSettings, Upstream, UpstreamSession } from "../../../src/postgres/upstream/mod.ts";
import { startPostgres, type TestPostgres } from "../../fixtures/postgres/test_postgres.ts";
import {
  bind,
  errorOf,
  execute,
  firstColumn,
  parse,
  query,
  RawClient,
  SYNC,
  types,
} from "../../fixtures/postgres/raw_client.ts";

let server: TestPostgres;

Deno.test.beforeAll(async function start() {
  server = await startPostgres({ password: "pw" });
  await server.sql(`CREATE SCHEMA IF NOT EXISTS cdm; GRANT USAGE ON SCHEMA cdm TO omcp_reader;
    CREATE TABLE IF NOT EXISTS cdm.person (person_id bigint, gender_concept_id integer);
    CREATE TABLE IF NOT EXISTS cdm.secret (x int);
    INSERT INTO cdm.person SELECT g, 8507 FROM generate_series(1, 100) g; GRANT SELECT ON cdm.person TO omcp_reader`);
});

Deno.test.afterAll(async function stop() {
  await server.stop();
});

function options(more: Partial<DatabaseOptions> = {}): DatabaseOptions & { readonly entries: AuditEntry[] } {
  const entries: AuditEntry[] = [];
  return {
    upstream: urlUpstream(server.url),
    cdmSchema: "cdm",
    cdmRelations: new Set(["person", "death"]),
    audit: (entry) => entries.push(entry),
    ...more,
    entries,
  };
}

Deno.test("Database serves the CDM through the guard, and audits without literals", async () => {
  const opened = options();
  const database = await Database.open(opened);
  try {
    assert.deepEqual([database.cdm?.schema, database.cdm?.relations], ["cdm", new Set(["person"])]);
    const { client } = await RawClient.through(database.serve("sb_1"));
    await using _ = client;
    assert.deepEqual(
      firstColumn(await client.query("SELECT count(*) FROM person WHERE gender_concept_id = 8507")),
      ["100"],
    );
    for (
      const sql of [
        "DELETE FROM person",
        "SELECT * FROM cdm.secret",
        "COMMIT; DROP SCHEMA cdm CASCADE",
        "SELECT pg_read_file('x')",
        "SET ROLE omcp_admin",
      ]
    ) {
      assert.ok(errorOf(await client.query(sql)) !== undefined, sql);
    }
    assert.equal(errorOf(await client.query("SELECT FROM WHERE"))?.position, 13);
    await client.query("BEGIN");
    assert.deepEqual(firstColumn(await client.query("SHOW transaction_read_only")), ["on"]);
    await client.query("COMMIT");
    await client.send(parse("", "SELECT max(person_id) FROM person"), bind("", ""), execute(""), SYNC);
    assert.deepEqual(firstColumn(await client.until("Z")), ["100"]);
    assert.deepEqual(types(await client.query("DISCARD ALL")).replaceAll("S", ""), "CZ");
    const reset = await client.query("SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL;");
    assert.equal(errorOf(reset), undefined);
    assert.deepEqual(firstColumn(await client.query("SELECT count(*) FROM person")), ["100"]);
    const log = JSON.stringify(opened.entries);
    assert.ok(!log.includes("8507") && log.includes("gender_concept_id = ?") && log.includes('"refuse"'));
  } finally {
    await database.close();
  }
  assert.equal(database.connections, 0);
});

Deno.test("Database lets a sandbox use the snapshots it exported, and no other's", async () => {
  const database = await Database.open(options());
  try {
    const own = database.serve("sb_1");
    const { client: first } = await RawClient.through(own);
    const { client: second } = await RawClient.through(own);
    const { client: stranger } = await RawClient.through(database.serve("sb_2"));
    await using _1 = first;
    await using _2 = second;
    await using _3 = stranger;
    await first.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    const exported = await first.query(
      "SELECT pg_is_in_recovery(), pg_export_snapshot(), (select count(*) from pg_stat_wal_receiver)",
    );
    const row = new TextDecoder().decode(exported.find(({ type }) => type === "D")?.body);
    const snapshot = /[0-9A-F]{8}-[0-9A-F]{8}-\d+/.exec(row)?.[0];
    assert.ok(snapshot !== undefined, JSON.stringify(errorOf(exported)));
    const use = `BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '${snapshot}'`;
    assert.equal(errorOf(await second.query(use)), undefined);
    assert.equal(errorOf(await stranger.query(use))?.sqlstate, "42501");
  } finally {
    await database.close();
  }
});

Deno.test("Database does not serve under an unsafe role, unless the operator allows it by name", async () => {
  const unsafe = options({ upstream: urlUpstream(server.adminUrl) });
  await assert.rejects(Database.open(unsafe), { code: "database_unsafe_role" });
  const lazy = new Database(unsafe);
  const { client, greeting } = await RawClient.through(lazy.serve("sb_1"));
  const error = errorOf(greeting);
  assert.equal(error?.sqlstate, "28000");
  await client[Symbol.asyncDispose]();
  await lazy.close();
  const forced = await Database.open({ ...unsafe, allowUnsafeRole: "omcp_admin" });
  try {
    const { client } = await RawClient.through(forced.serve("sb_1"));
    await using _ = client;
    // Such a role could write; the guard and the read-only session are what holds it.
    assert.ok(errorOf(await client.query("DELETE FROM person")) !== undefined);
    assert.deepEqual(firstColumn(await client.query("SELECT count(*) FROM person")), ["100"]);
  } finally {
    await forced.close();
  }
});

Deno.test("Database reports a schema without a CDM", async () => {
  await assert.rejects(Database.open(options({ cdmSchema: "elsewhere" })), { code: "cdm_invalid" });
});

/** A server whose connection is lost when the check of the database asks for the process id, which it does last. */
function lostAtTheEnd(upstream: Upstream): Upstream {
  const connect = async (settings: SessionSettings, signal: AbortSignal): Promise<UpstreamSession> => {
    const session = await upstream.connect(settings, signal);
    const write = async (bytes: Uint8Array): Promise<void> => {
      if (new TextDecoder().decode(bytes).includes("pg_backend_pid")) session.close();
      await session.write(bytes);
    };
    return { ...session, close: () => session.close(), write };
  };
  return { ...upstream, connect };
}

Deno.test("Database leaves no worker of the guard when its connection is lost during the check", async () => {
  const RealWorker = globalThis.Worker;
  let running = 0;
  globalThis.Worker = class extends RealWorker {
    constructor(...options: ConstructorParameters<typeof RealWorker>) {
      super(...options);
      running += 1;
    }
    override terminate(): void {
      super.terminate();
      running -= 1;
    }
  };
  try {
    const upstream = lostAtTheEnd(urlUpstream(server.url));
    await assert.rejects(Database.open(options({ upstream })), { code: "database_unavailable" });
    assert.equal(running, 0);
    await (await Database.open(options())).close();
    assert.equal(running, 0);
  } finally {
    globalThis.Worker = RealWorker;
  }
});

Deno.test("Database reports that the server is unavailable, and serves again once it is back", async () => {
  const target = new URL(server.url);
  const gate = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = gate.addr.port;
  gate.close();
  target.port = String(port);
  const database = new Database(options({ upstream: urlUpstream(target.href) }));
  await assert.rejects(database.ready(), { code: "database_unavailable" });
  const serve = database.serve("sb_1");
  const away = await RawClient.through(serve);
  const refused = errorOf(away.greeting);
  assert.deepEqual([refused?.severity, refused?.sqlstate], ["FATAL", "08006"]);
  await away.client[Symbol.asyncDispose]();
  const relay = Deno.listen({ hostname: "127.0.0.1", port });
  const relaying = (async () => {
    try {
      for await (const conn of relay) {
        const real = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
        conn.readable.pipeTo(real.writable).catch(function ignore() {});
        real.readable.pipeTo(conn.writable).catch(function ignore() {});
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  })();
  try {
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    const back = await RawClient.through(serve);
    assert.deepEqual(firstColumn(await back.client.query("SELECT count(*) FROM person")), ["100"]);
    await back.client[Symbol.asyncDispose]();
  } finally {
    await database.close();
    relay.close();
    await relaying;
  }
});

Deno.test("Database.close() ends connections in the middle of a query", async () => {
  const database = await Database.open(options({ limits: { maxCost: 0 } }));
  const { client } = await RawClient.through(database.serve("sb_1"));
  await using _ = client;
  await client.send(query("SELECT count(*) FROM person a, person b, person c, person d, person e, person f"));
  await new Promise((resolve) => setTimeout(resolve, 200));
  await database.close();
  assert.equal(errorOf(await client.until("never"))?.sqlstate, "57P01");
});
