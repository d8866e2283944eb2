/** The broker between drivers and a real PostgreSQL. Longer than 300 lines: the tests share one server, which takes seconds to start. */
import { concatBytes } from "../../../../src/lib/bytes.ts";
import assert from "node:assert/strict";
import pg from "pg";
import { cstring, FRONTEND, int32, message } from "../../../../src/postgres/wire/message.ts";
import type { StatementPlanner } from "../../../../src/postgres/broker/mod.ts";
import { eventually } from "../../../fixtures/eventually.ts";
import { Bridge } from "../../../fixtures/postgres/bridge.ts";
import { startPostgres, type TestPostgres } from "../../../fixtures/postgres/test_postgres.ts";
import { permissivePlanner as planner } from "../../../fixtures/postgres/planner.ts";
import {
  bind,
  describe,
  errorOf,
  execute,
  firstColumn,
  parse,
  query,
  RawClient,
  startup,
  SYNC,
  types,
} from "../../../fixtures/postgres/raw_client.ts";

let server: TestPostgres;

Deno.test.beforeAll(async function start() {
  server = await startPostgres({ password: "it's a s3cret/@" });
});

Deno.test.afterAll(async function stop() {
  await server.stop();
});

function open(port: number): pg.Client {
  return new pg.Client({ host: "127.0.0.1", port, user: "whoever", database: "whatever", password: "none" });
}

/** Queries of sandboxes that the server is running now. */
async function running(): Promise<number> {
  return Number(
    await server.sql(
      "SELECT count(*) FROM pg_stat_activity WHERE usename = 'omcp_reader' AND state = 'active'",
    ),
  );
}

Deno.test("serveClient() logs in with its own role, database and settings", async () => {
  await using bridge = new Bridge({ url: server.url, planner });
  const client = open(bridge.port);
  await client.connect();
  const { rows } = await client.query(
    "SELECT current_user AS who, current_database() AS base, current_setting('search_path') AS path, current_setting('default_transaction_read_only') AS ro",
  );
  assert.deepEqual(rows, [{ who: "omcp_reader", base: "cdm", path: '"cdm"', ro: "on" }]);
  await client.end();
});

Deno.test("serveClient() answers simple and extended queries as the server does", async () => {
  await using bridge = new Bridge({ url: server.url, planner });
  const client = open(bridge.port);
  await client.connect();
  const many = await client.query("SELECT generate_series(1, 50000) AS n");
  assert.equal(many.rowCount, 50_000);
  const bound = await client.query("SELECT $1::bigint + 1 AS n", ["9007199254740993"]);
  assert.deepEqual(bound.rows, [{ n: "9007199254740994" }]);
  const named = await client.query({ name: "again", text: "SELECT $1::text AS t", values: ["a'\\"] });
  assert.deepEqual(named.rows, [{ t: "a'\\" }]);
  await assert.rejects(client.query("SELECT 1/0"), { code: "22012" });
  assert.equal((await client.query("")).rowCount, null);
  await client.end();
});

Deno.test("serveClient() reports a refusal in the statement's place, and the session goes on", async () => {
  await using bridge = new Bridge({ url: server.url, planner });
  const { client } = await RawClient.start(bridge.port);
  await using _ = client;
  const simple = await client.query("SELECT 1; DELETE FROM person; SELECT 2");
  assert.equal(types(simple), "TDCEZ");
  assert.deepEqual(errorOf(simple), {
    severity: "ERROR",
    sqlstate: "42501",
    message: "that changes data",
    hint: "Read instead.",
  });
  assert.equal(types(await client.query("BEGIN; DROP TABLE x")), "CEZ");
  assert.equal(errorOf(await client.query("SELECT 1"))?.sqlstate, "25P02");
  assert.equal(types(await client.query("ROLLBACK")), "CZ");
  assert.deepEqual(firstColumn(await client.query("SELECT 3")), ["3"]);
});

Deno.test("serveClient() keeps pipelined replies in order around a refusal", async () => {
  await using bridge = new Bridge({ url: server.url, planner });
  const { client } = await RawClient.start(bridge.port);
  await using _ = client;
  await client.send(
    parse("a", "SELECT 1"),
    bind("", "a"),
    describe("P", ""),
    execute(""),
    SYNC,
    parse("b", "DELETE FROM x"),
    bind("", "b"),
    execute(""),
    parse("c", "DROP TABLE x"),
    bind("named", "c"),
    query("SELECT 99"),
    SYNC,
    bind("", "a"),
    execute(""),
    describe("S", "a"),
    describe("S", "a", FRONTEND.close),
    SYNC,
    query("SELECT 4; SELECT 5"),
  );
  assert.equal(types(await client.until("Z")), "12TDCZ");
  const refused = await client.until("Z");
  assert.equal(types(refused), "EZ");
  assert.equal(errorOf(refused)?.message, "that changes data");
  assert.equal(types(await client.until("Z")), "2DCtT3Z");
  assert.deepEqual(firstColumn(await client.until("Z")), ["4", "5"]);
  // A refusal is noted when it is made, the rest when it has run. What follows a refusal is passed over, as the server does.
  const refusals = bridge.audit.filter((entry) => entry.decision === "refuse");
  assert.deepEqual(refusals.map((entry) => [entry.normalizedSql, entry.sqlstate]), [[
    "DELETE FROM x",
    "42501",
  ]]);
  const ran = bridge.audit.filter((entry) => entry.decision === "forward");
  assert.deepEqual(
    ran.map((entry) => [entry.normalizedSql, entry.rows]),
    Array.from({ length: 4 }, () => ["SELECT $1", 1]),
  );
});

Deno.test("serveClient() serves portals in parts and 5,000 pipelined queries", async () => {
  await using bridge = new Bridge({ url: server.url, planner });
  const { client } = await RawClient.start(bridge.port);
  await using _ = client;
  await client.send(
    query("BEGIN"),
    parse("", "SELECT generate_series(1, 5)"),
    bind("p", ""),
    execute("p", 2),
    execute("p", 2),
    execute("p", 2),
    SYNC,
  );
  assert.equal(types(await client.until("Z")), "CZ");
  assert.equal(types(await client.until("Z")), "12DDsDDsDCZ");
  const one = concatBytes([bind("", "s"), execute("")]);
  await client.send(parse("s", "SELECT 1"));
  const sent = client.send(...Array.from({ length: 5_000 }, () => one), SYNC);
  const received = await client.until("Z");
  await sent;
  assert.equal(received.filter(({ type }) => type === "D").length, 5_000);
});

Deno.test("serveClient() audits what ran, not what was last prepared under its name", async () => {
  await using bridge = new Bridge({ url: server.url, planner });
  const { client } = await RawClient.start(bridge.port);
  await using _ = client;
  await client.send(parse("s", "SELECT 'first'"), SYNC, parse("s", "SELECT 'second'"), SYNC);
  await client.until("Z");
  assert.equal(errorOf(await client.until("Z"))?.sqlstate, "42P05");
  await client.send(bind("", "s"), execute(""), SYNC);
  assert.deepEqual(firstColumn(await client.until("Z")), ["first"]);
  assert.deepEqual(bridge.audit.map(({ normalizedSql, sqlstate }) => [normalizedSql, sqlstate]), [
    ["SELECT 'second'", "42P05"],
    ["SELECT 'first'", undefined],
  ]);
});

Deno.test("serveClient() forgets statements that were closed or deallocated, and counts the rest", async () => {
  await using bridge = new Bridge({ url: server.url, planner, limits: { preparedStatements: 2 } });
  const { client } = await RawClient.start(bridge.port);
  await using _ = client;
  const prepare = async (name: string): Promise<string | undefined> => {
    await client.send(parse(name, "SELECT 1"), SYNC);
    return errorOf(await client.until("Z"))?.sqlstate;
  };
  assert.deepEqual([await prepare("a"), await prepare("b"), await prepare("c")], [
    undefined,
    undefined,
    "53000",
  ]);
  await client.send(describe("S", "a", FRONTEND.close), SYNC);
  await client.until("Z");
  assert.deepEqual([await prepare("c"), await prepare("d")], [undefined, "53000"]);
  await client.query("DISCARD ALL");
  assert.equal(await prepare("d"), undefined);
});

Deno.test("serveClient() relays COPY to stdout and refuses COPY data that nobody asked for", async () => {
  await using bridge = new Bridge({ url: server.url, planner });
  const { client } = await RawClient.start(bridge.port);
  await using _ = client;
  const copy = await client.query("COPY (SELECT 1::int8 UNION ALL SELECT 2) TO STDOUT (FORMAT binary)");
  assert.equal(types(copy), "HdddcCZ".replace("ddd", "d".repeat(types(copy).split("d").length - 1)));
  assert.equal(bridge.audit[0]?.rows, 2);
  await client.send(message(FRONTEND.copyData, cstring("x")));
  const end = await client.until("never");
  assert.equal(errorOf(end)?.sqlstate, "08P01");
});

Deno.test("serveClient() refuses the protocol's function call and stays in step", async () => {
  await using bridge = new Bridge({ url: server.url, planner });
  const { client } = await RawClient.start(bridge.port);
  await using _ = client;
  await client.send(message(FRONTEND.functionCall, int32(957), new Uint8Array(6)));
  const answer = await client.until("Z");
  assert.equal(types(answer), "EZ");
  assert.equal(errorOf(answer)?.sqlstate, "0A000");
  assert.deepEqual(firstColumn(await client.query("SELECT 1")), ["1"]);
});

Deno.test("serveClient() refuses SQL that is too long, not UTF-8, or holds a NUL, and stays in step", async () => {
  await using bridge = new Bridge({ url: server.url, planner });
  const { client } = await RawClient.start(bridge.port);
  await using _ = client;
  assert.equal(errorOf(await client.query(`SELECT '${"x".repeat(300_000)}'`))?.sqlstate, "54000");
  await client.send(parse("", `SELECT '${"x".repeat(2_000_000)}'`), SYNC);
  assert.equal(errorOf(await client.until("Z"))?.sqlstate, "54000");
  await client.send(message(FRONTEND.query, Uint8Array.of(0x53, 0xff, 0)));
  assert.equal(errorOf(await client.until("Z"))?.sqlstate, "22021");
  await client.send(message(FRONTEND.query, cstring("SELECT 1"), cstring("; DROP TABLE x")));
  assert.equal(errorOf(await client.until("Z"))?.sqlstate, "08P01");
  await client.send(parse("n".repeat(64), "SELECT 1"), SYNC);
  assert.equal(errorOf(await client.until("Z"))?.sqlstate, "42622");
  assert.deepEqual(firstColumn(await client.query("SELECT 1")), ["1"]);
});

Deno.test("serveClient() closes the connection at an invalid length or type, without waiting for the rest", async () => {
  await using bridge = new Bridge({ url: server.url, planner });
  for (
    const bytes of [[0x51, 0, 0, 0, 0], [0x51, 0, 0, 0, 2], [0x51, 0x7f, 0xff, 0xff, 0xff], [
      0x51,
      0x40,
      0,
      0,
      0,
    ], [0x01, 0, 0, 0, 4]]
  ) {
    const { client } = await RawClient.start(bridge.port);
    await using _ = client;
    await client.send(Uint8Array.from(bytes));
    assert.equal(errorOf(await client.until("never"))?.sqlstate, "08P01");
  }
  for (const bytes of [[0, 0, 0, 0], [0, 0, 0, 7], [0x7f, 0xff, 0xff, 0xff], [0x40, 0, 0, 0]]) {
    await using client = await RawClient.connect(bridge.port);
    await client.send(Uint8Array.from(bytes));
    assert.equal(errorOf(await client.until("never"))?.sqlstate, "08P01");
  }
  await eventually(() => bridge.serving === 0 && bridge.count.open === 0, "all permits are free");
});

Deno.test("serveClient() declines encryption a few times, and ignores the user and database of a startup packet", async () => {
  await using bridge = new Bridge({ url: server.url, planner });
  await using client = await RawClient.connect(bridge.port);
  for (const code of [80_877_104, 80_877_103]) {
    await client.send(int32(8, code));
    assert.deepEqual(await client.reader.readExactly(1), Uint8Array.of(0x4e));
  }
  await client.send(startup({
    user: "omcp_admin",
    database: "template0",
    replication: "false",
    options: "-c default_transaction_read_only=on --search-path=cdm,public -c timezone=Asia/Tokyo",
    DateStyle: "ISO, DMY",
    application_name: "mine é",
    "_pq_.something": "1",
  }, (3 << 16) + 2));
  const greeting = await client.until("Z");
  assert.equal(types(greeting).replaceAll("S", ""), "vRKZ");
  const settings =
    "SELECT concat_ws('|', current_user, current_setting('default_transaction_read_only'), current_setting('search_path'), " +
    "current_setting('timezone'), current_setting('datestyle'), current_setting('application_name'))";
  assert.deepEqual(firstColumn(await client.query(settings)), [
    'omcp_reader|on|"cdm"|Asia/Tokyo|ISO, DMY|mine \\xc3\\xa9',
  ]);
  await using nagging = await RawClient.connect(bridge.port);
  await nagging.send(...Array.from({ length: 100 }, () => int32(8, 80_877_103)));
  assert.deepEqual(await nagging.reader.readExactly(2), Uint8Array.of(0x4e, 0x4e));
  assert.equal(errorOf(await nagging.until("never"))?.sqlstate, "08P01");
});

Deno.test("serveClient() refuses a startup packet with settings that a session may not have", async () => {
  await using bridge = new Bridge({ url: server.url, planner });
  const refused: readonly (readonly [Record<string, string>, string])[] = [
    [{ options: "-c default_transaction_read_only=off" }, "25006"],
    [{ options: "-c standard_conforming_strings=off" }, "42501"],
    [{ options: "--search_path=pg_catalog" }, "42501"],
    [{ options: "-c\\ statement_timeout=1" }, "42501"],
    [{ options: "-c statement_timeout=0" }, "42501"],
    [{ options: "-c session_preload_libraries=x" }, "42501"],
    [{ client_encoding: "LATIN1" }, "42501"],
    [{ role: "omcp_admin" }, "42501"],
    [{ replication: "database" }, "42501"],
    [{ options: "-F" }, "42601"],
    [{ timezone: "No/Where" }, "22023"],
  ];
  for (const [parameters, sqlstate] of refused) {
    await using client = await RawClient.connect(bridge.port);
    await client.send(startup({ user: "anyone", ...parameters }));
    assert.equal(errorOf(await client.until("E"))?.sqlstate, sqlstate, JSON.stringify(parameters));
  }
});

Deno.test("serveClient() closes a connection whose startup packet is late", async () => {
  await using bridge = new Bridge({ url: server.url, planner, limits: { startupMs: 200 } });
  await using client = await RawClient.connect(bridge.port);
  await client.send(Uint8Array.of(0, 0));
  assert.equal(errorOf(await client.until("never"))?.sqlstate, "08006");
  assert.equal(bridge.count.open, 0);
});

Deno.test("serveClient() limits the connections of a sandbox, and frees their permits", async () => {
  await using bridge = new Bridge({ url: server.url, planner, limits: { connectionsPerSandbox: 2 } });
  const first = await RawClient.start(bridge.port);
  const second = await RawClient.start(bridge.port);
  const third = await RawClient.start(bridge.port);
  assert.equal(errorOf(third.greeting)?.sqlstate, "53300");
  await first.client[Symbol.asyncDispose]();
  await eventually(() => bridge.count.open === 1, "the first one's permit is free");
  const fourth = await RawClient.start(bridge.port);
  assert.deepEqual(firstColumn(await fourth.client.query("SELECT 1")), ["1"]);
  for (const { client } of [second, third, fourth]) await client[Symbol.asyncDispose]();
});

Deno.test("serveClient() ends a kept connection for another, unless it is in a transaction", async () => {
  await using bridge = new Bridge({ url: server.url, planner, limits: { connectionsPerSandbox: 1 } });
  await using kept = await RawClient.connect(bridge.port);
  await kept.send(startup({ user: "anyone", application_name: "omcp kept" }));
  await kept.until("Z");
  await kept.query("BEGIN");
  const refused = await RawClient.start(bridge.port);
  assert.equal(errorOf(refused.greeting)?.sqlstate, "53300");
  await kept.query("COMMIT");
  const other = await RawClient.start(bridge.port);
  assert.equal(errorOf(other.greeting), undefined);
  assert.equal(errorOf(await kept.until("never"))?.sqlstate, "57P05");
  assert.equal(bridge.count.open, 1);
  for (const { client } of [refused, other]) await client[Symbol.asyncDispose]();
});

Deno.test("serveClient() keeps statements of one message apart, also after a comment", async () => {
  // Each part is harmless alone; run into one they would be a call of a function.
  const apart: StatementPlanner = {
    parameterTypes: new Set([0]),
    plan: () => {
      const part = (
        sql: string,
      ) => ({ kind: "forward", sql, command: "select", places: [], normalized: "" } as const);
      return Promise.resolve([part("SELECT current_setting -- c"), part("((SELECT 'max_connections'))")]);
    },
  };
  await using bridge = new Bridge({ url: server.url, planner: apart });
  const { client } = await RawClient.start(bridge.port);
  await using _ = client;
  assert.equal(errorOf(await client.query("any"))?.sqlstate, "42703");
});

Deno.test("serveClient() cancels by its own keys only", async () => {
  await using bridge = new Bridge({ url: server.url, planner });
  const { client, key } = await RawClient.start(bridge.port);
  await using _ = client;
  await client.send(query("SELECT pg_sleep(30)"));
  await eventually(async () => await running() === 1, "the query runs");
  for (const forged of [int32(1, 1), concatBytes([key.subarray(0, 4), int32(0)])]) {
    await using stranger = await RawClient.connect(bridge.port);
    await stranger.send(int32(16, 80_877_102), forged);
    assert.equal(await stranger.receive(), undefined);
  }
  assert.equal(await running(), 1);
  await using canceller = await RawClient.connect(bridge.port);
  await canceller.send(int32(16, 80_877_102), key);
  assert.equal(errorOf(await client.until("Z"))?.sqlstate, "57014");
  assert.deepEqual(firstColumn(await client.query("SELECT 1")), ["1"]);
});

Deno.test("serveClient() cancels the query when the client disconnects in the middle of a result", async () => {
  await using bridge = new Bridge({ url: server.url, planner });
  const { client } = await RawClient.start(bridge.port);
  await client.send(query("SELECT repeat('x', 1000), generate_series(1, 100000000)"));
  await client.receive();
  await client[Symbol.asyncDispose]();
  await eventually(() => bridge.count.open === 0 && bridge.serving === 0, "the permit is free");
  await eventually(async () => await running() === 0, "the server runs nothing");
  assert.equal(bridge.audit.at(-1)?.sqlstate, "08006");
});

Deno.test("serveClient() holds no result: a reader that stops costs no memory", async () => {
  await using bridge = new Bridge({ url: server.url, planner });
  const { client } = await RawClient.start(bridge.port);
  await using _ = client;
  const before = Deno.memoryUsage().rss;
  await client.send(query("SELECT repeat('x', 1000), generate_series(1, 1000000)"));
  for (let rows = 0; rows < 1_000; rows += 1) await client.receive();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const grown = (Deno.memoryUsage().rss - before) / 2 ** 20;
  assert.ok(grown < 50, `grew by ${grown} MiB`);
});

Deno.test("serveClient() streams a million rows whole", async () => {
  await using bridge = new Bridge({ url: server.url, planner });
  const { client } = await RawClient.start(bridge.port);
  await using _ = client;
  await client.send(
    query("COPY (SELECT g, g * 2 FROM generate_series(1, 1000000) g) TO STDOUT (FORMAT binary)"),
  );
  let bytes = 0;
  while (true) {
    const next = await client.receive();
    if (next === undefined || next.type === "Z") break;
    if (next.type === "d") bytes += next.body.length;
  }
  assert.equal(bytes, 19 + 18 * 1_000_000 + 2);
  assert.equal(bridge.audit[0]?.rows, 1_000_000);
});

Deno.test("serveClient() ends a result over its budget with an error, and the session goes on", async () => {
  await using bridge = new Bridge({ url: server.url, planner, limits: { resultBytes: 100_000 } });
  const { client } = await RawClient.start(bridge.port);
  await using _ = client;
  const big = await client.query("SELECT repeat('x', 1000), generate_series(1, 10000000)");
  assert.equal(errorOf(big)?.sqlstate, "53400");
  assert.ok(big.length < 110);
  assert.deepEqual(firstColumn(await client.query("SELECT 1")), ["1"]);
  const copy = await client.query(
    "COPY (SELECT repeat('x', 1000), generate_series(1, 10000000)) TO STDOUT",
  );
  assert.equal(errorOf(copy)?.sqlstate, "53400");
  assert.deepEqual(firstColumn(await client.query("SELECT 2")), ["2"]);
  // Too small for a cancel to come in time: the connection ends, because the server reports a success.
  const small = await client.query("SELECT repeat('x', 1000) FROM generate_series(1, 120)");
  assert.equal(errorOf(small)?.sqlstate, "53400");
  assert.ok(!types(small).includes("C"));
});

Deno.test("serveClient() adds a hint where a statement spills more to disk than it may", async () => {
  await server.sql("ALTER ROLE omcp_reader SET temp_file_limit = '1MB'");
  try {
    await using bridge = new Bridge({ url: server.url, planner });
    const { client } = await RawClient.start(bridge.port);
    await using _ = client;
    await client.query("SET work_mem = '64kB'");
    const spilled = errorOf(
      await client.query(
        "SELECT n FROM generate_series(1, 500000) AS g(n) ORDER BY md5(n::text) OFFSET 499999",
      ),
    );
    assert.equal(spilled?.sqlstate, "53400");
    assert.match(spilled.message, /temp_file_limit/);
    assert.match(spilled.hint ?? "", /^The statement sorts, joins or groups more .* split the statement/);
    assert.deepEqual(firstColumn(await client.query("SELECT 1")), ["1"]);
  } finally {
    await server.sql("ALTER ROLE omcp_reader RESET temp_file_limit");
  }
});

Deno.test("serveClient() ends the session when a setting changes on which the guard depends", async () => {
  await using bridge = new Bridge({ url: server.url, planner });
  for (
    const sql of [
      "SET default_transaction_read_only = off",
      "SET standard_conforming_strings = off",
      "SET client_encoding = 'LATIN1'",
    ]
  ) {
    const { client } = await RawClient.start(bridge.port);
    await using _ = client;
    assert.equal(errorOf(await client.query(sql))?.sqlstate, "42501");
  }
});

Deno.test("serveClient() puts its settings back on RESET ALL and DISCARD ALL", async () => {
  await using bridge = new Bridge({ url: server.url, planner });
  const { client } = await RawClient.start(bridge.port);
  await using _ = client;
  for (const sql of ["RESET ALL", "DISCARD ALL"]) {
    await client.query("SET search_path = pg_catalog");
    await client.query("SET statement_timeout = 0");
    await client.query(sql);
    const now = await client.query(
      "SELECT current_setting('search_path') || current_setting('statement_timeout')",
    );
    assert.deepEqual(firstColumn(now), ['"cdm"5min']);
  }
});

Deno.test("serveClient() closes connections that are idle or leave a result unread", async () => {
  await using bridge = new Bridge({
    url: server.url,
    planner,
    limits: { idleMs: 200, stallMs: 300, idleInTransactionMs: 400 },
  });
  const idle = await RawClient.start(bridge.port);
  assert.equal(errorOf(await idle.client.until("never"))?.sqlstate, "57P05");
  const inTransaction = await RawClient.start(bridge.port);
  await inTransaction.client.query("BEGIN");
  assert.equal(errorOf(await inTransaction.client.until("never"))?.sqlstate, "25P03");
  const stalled = await RawClient.start(bridge.port);
  await stalled.client.send(query("SELECT repeat('x', 1000), generate_series(1, 10000000)"));
  await eventually(() => bridge.count.open === 0, "the permit is free");
  await eventually(async () => await running() === 0, "the server runs nothing");
  for (const { client } of [idle, inTransaction, stalled]) await client[Symbol.asyncDispose]();
});

Deno.test("serveClient() never passes a short result for a whole one when the server crashes", async () => {
  await using bridge = new Bridge({ url: server.url, planner });
  const { client } = await RawClient.start(bridge.port);
  await using _ = client;
  await client.send(query("SELECT repeat('x', 1000), generate_series(1, 10000000)"));
  await client.receive();
  const [rest] = await Promise.all([client.until("C"), server.crash()]);
  assert.ok(!types(rest).includes("C"));
  await eventually(() => bridge.count.open === 0, "the permit is free");
  const again = await RawClient.start(bridge.port);
  assert.deepEqual(firstColumn(await again.client.query("SELECT 1")), ["1"]);
  await again.client[Symbol.asyncDispose]();
});

Deno.test("serveClient() reports that the database is unavailable, without its address", async () => {
  await using bridge = new Bridge({ url: "postgres://user:hidden@127.0.0.1:1/cdm", planner });
  const { client, greeting } = await RawClient.start(bridge.port);
  await using _ = client;
  assert.deepEqual(errorOf(greeting), {
    severity: "FATAL",
    sqlstate: "08006",
    message: "the database cannot be reached now: try again later",
  });
});
