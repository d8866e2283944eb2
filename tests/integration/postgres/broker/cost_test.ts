/** What statements may cost, on one server with two big tables: longer than 300 lines, because making them takes most of the time. */
import { concatBytes } from "../../../../src/lib/bytes.ts";
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { Database, type DatabaseOptions, type Upstream, urlUpstream } from "../../../../src/postgres/mod.ts";
import { cstring, FRONTEND, int32, message } from "../../../../src/postgres/wire/message.ts";
import { eventually } from "../../../fixtures/eventually.ts";
import { startPostgres, type TestPostgres } from "../../../fixtures/postgres/test_postgres.ts";
import { withGuarded } from "../../../fixtures/postgres/guarded.ts";
import {
  bind,
  describe,
  errorOf,
  execute,
  firstColumn,
  parse,
  query,
  RawClient,
  SYNC,
  types,
} from "../../../fixtures/postgres/raw_client.ts";

let server: TestPostgres;

const CROSS = "SELECT count(*) FROM measurement m, observation o";
const JOIN = "SELECT count(*) FROM measurement m JOIN observation o ON o.observation_id = m.measurement_id";
const INT8 = 20;

Deno.test.beforeAll(async function start() {
  server = await startPostgres();
  await server.sql(`CREATE SCHEMA cdm;
    CREATE TABLE cdm.person (person_id bigint);
    CREATE TABLE cdm.measurement AS SELECT g AS measurement_id, g % 1000 AS person_id, date '2020-01-01' AS day
      FROM generate_series(1, 1000000) g;
    CREATE TABLE cdm.observation AS SELECT g AS observation_id, g % 1000 AS person_id FROM generate_series(1, 1000000) g;
    ANALYZE; GRANT USAGE ON SCHEMA cdm TO omcp_reader; GRANT SELECT ON ALL TABLES IN SCHEMA cdm TO omcp_reader`);
});

Deno.test.afterAll(async function stop() {
  await server.stop();
});

async function withDatabase(
  limits: DatabaseOptions["limits"],
  test: (client: RawClient, key: Uint8Array) => Promise<void>,
): Promise<void> {
  await withGuarded({
    upstream: urlUpstream(server.url),
    cdmRelations: new Set(["person", "measurement", "observation"]),
    limits: { statementMs: 10_000, ...limits },
  }, test);
}

/** The server, which takes cancels 0.3 s late, as it may when it is busy. */
function slowToCancel(upstream: Upstream): Upstream {
  return {
    description: upstream.description,
    connect: (settings, signal) => upstream.connect(settings, signal),
    cancel: async (session) => {
      await delay(300);
      return await upstream.cancel(session);
    },
    terminate: (session) => upstream.terminate(session),
  };
}

/** Sends a cancel request, and waits until it is taken. */
async function cancel(serve: (stream: Deno.TcpConn) => void, key: Uint8Array): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  await using canceller = await RawClient.connect(listener.addr.port);
  serve(await accepted);
  listener.close();
  await canceller.send(int32(16, 80_877_102), key);
  assert.equal(await canceller.receive(), undefined);
}

/** Sessions of the role that sandboxes' statements run under. */
async function sessions(): Promise<number> {
  return Number(await server.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'omcp_reader'"));
}

Deno.test("a cross join of two big tables is refused by default, and a full scan and join of them runs", async () => {
  await withDatabase(undefined, async (client) => {
    const refused = errorOf(await client.query(CROSS));
    assert.equal(refused?.sqlstate, "53400");
    assert.match(
      refused?.message ?? "",
      /cost at [1-9][0-9,]{11,}, and at most 1,000,000,000 are allowed: it was not run/,
    );
    assert.match(refused?.hint ?? "", /Join on a condition.*OMCP_MAX_COST/);
    assert.deepEqual(firstColumn(await client.query(JOIN)), ["1000000"]);
  });
});

Deno.test("each form of statement that runs a costly query is refused, and its plan can be looked at", async () => {
  await withDatabase(undefined, async (client) => {
    await client.query("BEGIN");
    for (
      const sql of [
        `DECLARE c CURSOR FOR ${CROSS}`,
        `COPY (${CROSS} WHERE m.day <> 'x)'::text::date OR true) TO STDOUT (FORMAT csv)`,
        `EXPLAIN ANALYZE ${CROSS}`,
        `PREPARE "a name" (int8, text) AS ${CROSS} WHERE m.measurement_id > $1 AND $2 <> 'x'`,
        `EXPLAIN (ANALYZE, FORMAT json) (${CROSS})`,
        "WITH x AS (SELECT 1 FROM measurement), y AS (SELECT 1 FROM observation) SELECT count(*) FROM x, y",
        "SELECT count(*) FROM (SELECT generate_series(1, 1000000)) a, (SELECT generate_series(1, 1000000)) b, person",
        "SELECT (SELECT count(*) FROM observation o WHERE o.person_id > m.person_id) FROM measurement m",
      ]
    ) {
      await client.query("SAVEPOINT s");
      const answer = await client.query(sql);
      assert.equal(errorOf(answer)?.sqlstate, "53400", sql);
      assert.equal(types(answer), "EZ");
      assert.equal(errorOf(await client.query("ROLLBACK TO s")), undefined);
    }
    assert.equal(errorOf(await client.query(`EXPLAIN ${CROSS}`)), undefined);
    assert.equal(errorOf(await client.query("COMMIT")), undefined);
  });
});

Deno.test("a costly query with parameters is refused at its Parse, and the pipeline stays in step", async () => {
  await withDatabase(undefined, async (client) => {
    const declared = message(
      FRONTEND.parse,
      cstring("typed"),
      cstring(`${CROSS} WHERE m.measurement_id > $1 AND o.person_id <> $2`),
      Uint8Array.of(0, 2),
      int32(INT8, 0),
    );
    await client.send(
      concatBytes([parse("a", "SELECT 1"), bind("", "a"), execute("")]),
      concatBytes([declared, describe("S", "typed"), bind("", "typed"), execute(""), SYNC]),
      concatBytes([bind("", "a"), execute(""), SYNC, query("SELECT 2")]),
    );
    const first = await client.until("Z");
    assert.equal(types(first), "12DCEZ");
    assert.equal(errorOf(first)?.sqlstate, "53400");
    assert.equal(types(await client.until("Z")), "2DCZ");
    assert.deepEqual(firstColumn(await client.until("Z")), ["2"]);
    const one = parse("b", `${JOIN} WHERE m.measurement_id = $1 AND o.person_id > $2`);
    await client.send(one, describe("S", "b"), SYNC);
    assert.equal(types(await client.until("Z")), "1tTZ");
  });
});

Deno.test("each estimate has the statement and the order of dates of its own query, whatever came before", async () => {
  await withDatabase(undefined, async (client) => {
    const other = `${JOIN} WHERE m.day <> '31/12/2020' AND o.person_id > $1`;
    assert.equal(errorOf(await client.query("SET datestyle TO 'ISO, DMY'")), undefined);
    for (let round = 0; round < 2; round += 1) {
      await client.send(parse("", `${JOIN} WHERE m.measurement_id > $1 AND o.person_id > $2`), SYNC);
      assert.equal(types(await client.until("Z")), "1Z");
      await client.send(parse("", other), describe("S", ""), SYNC);
      assert.equal(types(await client.until("Z")), "1tTZ");
      assert.equal(errorOf(await client.query(`PREPARE p${round} AS ${JOIN}`)), undefined);
      assert.equal(errorOf(await client.query(`PREPARE c${round} AS ${CROSS}`))?.sqlstate, "53400");
    }
  });
});

Deno.test("statements before a costly one in the same text run, those after it do not", async () => {
  await withDatabase(undefined, async (client) => {
    const answer = await client.query(`SELECT 1; ${CROSS}; SELECT 2`);
    assert.equal(types(answer), "TDCEZ");
    await client.query("BEGIN");
    assert.equal(errorOf(await client.query(CROSS))?.sqlstate, "53400");
    assert.equal(errorOf(await client.query("SELECT 1"))?.sqlstate, "25P02");
    assert.equal(errorOf(await client.query("ROLLBACK")), undefined);
  });
});

Deno.test("a wrong statement gives its own error, and no setting hides a cost", async () => {
  await withDatabase(undefined, async (client) => {
    const wrong = errorOf(await client.query("SELECT m.nothing FROM measurement m, observation o"));
    assert.deepEqual([wrong?.sqlstate, wrong?.position], ["42703", 8]);
    for (const set of ["datestyle TO 'ISO, DMY'", "enable_nestloop TO off", "enable_hashjoin TO off"]) {
      assert.equal(errorOf(await client.query(`SET ${set}`)), undefined);
    }
    assert.equal(errorOf(await client.query(`${CROSS} WHERE m.day <> '31/12/2020'`))?.sqlstate, "53400");
    const both = await client.query(`SET datestyle TO 'ISO, DMY'; ${CROSS} WHERE m.day <> '31/12/2020'`);
    assert.equal(errorOf(both)?.sqlstate, "53400");
  });
});

Deno.test("a statement whose estimate fails does not run", async () => {
  await withDatabase(undefined, async (client) => {
    assert.equal(errorOf(await client.query("SET application_name = '5'")), undefined);
    const long = "\x01".repeat(230_000);
    for (
      const [condition, sqlstate] of [
        ["current_setting('application_name')::numeric <> m.person_id", "22P02"],
        [
          "1 / (CASE current_setting('plan_cache_mode') WHEN 'force_generic_plan' THEN 0 ELSE 1 END) <> m.person_id",
          "22012",
        ],
        [
          "(CASE current_setting('statement_timeout') WHEN '0' THEN '1' ELSE 'x' END)::numeric <> m.person_id",
          "22P02",
        ],
        [`m.person_id::text <> '${long}'`, "53400"],
      ]
    ) {
      const error = errorOf(await client.query(`${CROSS} WHERE ${condition}`));
      assert.equal(error?.sqlstate, sqlstate, (condition ?? "").slice(0, 100));
    }
    assert.deepEqual(firstColumn(await client.query(JOIN)), ["1000000"]);
  });
});

Deno.test("queryIn() finds the query in every spelling that PostgreSQL takes, or the statement is refused", async () => {
  await withDatabase(undefined, async (client) => {
    for (
      const sql of [
        `explain analyse ${CROSS}`,
        `EXPLAIN ANALYSE VERBOSE ${CROSS}`,
        `EXPLAIN /* a */ ANALYZE -- b\n ${CROSS}`,
      ]
    ) assert.equal(errorOf(await client.query(sql))?.sqlstate, "53400", sql);
    assert.equal(errorOf(await client.query(`EXPLAIN ANALYSE ${JOIN} WHERE m.person_id < 5`)), undefined);
    const escaped = errorOf(await client.query(`PREPARE U&"d!0061" UESCAPE '!' AS ${JOIN}`));
    assert.match(escaped?.message ?? "", /cannot be found in the statement/);
    assert.equal(errorOf(await client.query("SELECT 1")), undefined);
  });
});

Deno.test("small statements are not estimated, and with a limit of 0 no statement is", async () => {
  const before = await sessions();
  await withDatabase({ maxCost: 1 }, async (client) => {
    const small =
      "SELECT count(*), (SELECT 1), generate_series(1, 2) FROM measurement WHERE person_id IN (1, 2)";
    assert.equal(errorOf(await client.query(small)), undefined);
    assert.equal(await sessions(), before + 1);
    assert.equal(errorOf(await client.query(JOIN))?.sqlstate, "53400");
    assert.equal(await sessions(), before + 2);
  });
  await withDatabase({ maxCost: 0 }, async (client) => {
    assert.equal(errorOf(await client.query(JOIN)), undefined);
    assert.equal(await sessions(), before + 1);
  });
});

Deno.test("a cancel reaches a statement whose cost is being estimated", async () => {
  // The estimate waits for a lock, as the statement itself would.
  const locked = server.sql("BEGIN; LOCK cdm.person; SELECT pg_sleep(120); COMMIT").catch(() => {});
  const holds =
    "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'cdm.person'::regclass";
  await eventually(async () => await server.sql(holds) === "1", "the table is locked");
  const database = await Database.open({
    upstream: slowToCancel(urlUpstream(server.url)),
    cdmSchema: "cdm",
    cdmRelations: new Set(["person", "measurement"]),
    audit: () => {},
  });
  try {
    const serve = database.serve("sb_1");
    const { client, key } = await RawClient.through(serve);
    await using _ = client;
    await client.send(query("SELECT 1 FROM person, measurement"));
    const waits =
      "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'EXPLAIN%'";
    await eventually(async () => await server.sql(waits) === "1", "the estimate waits for it");
    await cancel(serve, key);
    const error = errorOf(await client.until("Z"));
    assert.deepEqual([error?.sqlstate, error?.message], ["57014", "canceling statement due to user request"]);
    // The cancel has reached the server too, and does not end what the client sends as soon as it has its answer.
    const next = await client.query("SELECT count(*) FROM measurement, generate_series(1, 10)");
    assert.equal(errorOf(next)?.message, undefined);
    assert.deepEqual(firstColumn(next), ["10000000"]);
  } finally {
    await database.close();
    await server.sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK %'",
    );
    await locked;
  }
});

Deno.test("a sandbox has at most one estimate that nothing ends, however many it asks for, and other sandboxes still get estimates", async () => {
  const database = await Database.open({
    upstream: urlUpstream(server.url),
    cdmSchema: "cdm",
    cdmRelations: new Set(["person", "measurement", "observation"]),
    audit: () => {},
  });
  // The planner evaluates it, and PostgreSQL compares for hours without a look at a signal.
  const deaf = "SELECT repeat(repeat('a', 1000), 4000) LIKE '%' || repeat(repeat('a', 1000), 2000) || 'b'";
  try {
    const serve = database.serve("sb_1");
    for (const count of [1, 2, 3]) {
      const { client, key } = await RawClient.through(serve);
      await client.send(query(`${deaf}, ${count} FROM measurement, observation`));
      const running =
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'EXPLAIN%'";
      await eventually(async () => await server.sql(running) === "1", "the estimate runs");
      await cancel(serve, key);
      assert.equal(errorOf(await client.until("Z"))?.sqlstate, "57014");
      assert.equal(await server.sql(running), "1");
      await client[Symbol.asyncDispose]();
    }
    const { client: other } = await RawClient.through(database.serve("sb_2"));
    assert.equal(errorOf(await other.query(JOIN))?.message, undefined);
    await other[Symbol.asyncDispose]();
    await server.crash();
    const { client: again } = await RawClient.through(serve);
    await using _ = again;
    // Sessions that were idle at the crash are lost: an estimate on one of them fails.
    await eventually(async () => errorOf(await again.query(JOIN)) === undefined, "estimates are made again");
  } finally {
    await database.close();
  }
});
