/** Messages in orders that no driver sends: the broker answers as the server would, and reads SQL as the server does. */
import assert from "node:assert/strict";
import { PARAMETER_TYPES } from "../../../src/postgres/guard/parameter_types.ts";
import { planText } from "../../../src/postgres/guard/plan.ts";
import { cstring, FRONTEND, message } from "../../../src/postgres/wire/message.ts";
import { Bridge } from "../../fixtures/postgres/bridge.ts";
import { CONTEXT } from "../../fixtures/postgres/planning.ts";
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
} from "../../fixtures/postgres/raw_client.ts";
import { startPostgres, type TestPostgres } from "../../fixtures/postgres/test_postgres.ts";

let server: TestPostgres;
let bridge: Bridge;

Deno.test.beforeAll(async function start() {
  server = await startPostgres();
  await server.sql(
    "CREATE SCHEMA cdm; CREATE TABLE cdm.person AS SELECT g AS person_id FROM generate_series(1, 9) g; " +
      "CREATE TABLE cdm.secret AS SELECT 'hidden'::text AS what; GRANT USAGE ON SCHEMA cdm TO PUBLIC; " +
      "GRANT SELECT ON ALL TABLES IN SCHEMA cdm TO PUBLIC",
  );
  bridge = new Bridge({
    url: server.url,
    planner: {
      parameterTypes: PARAMETER_TYPES,
      plan: (sql, protocol) => Promise.resolve(planText(sql, protocol, CONTEXT)),
    },
  });
});

Deno.test.afterAll(async function stop() {
  await bridge[Symbol.asyncDispose]();
  await server.stop();
});

const FLUSH = message(FRONTEND.flush);
const COPY_DONE = message(0x63);
/** If a backslash escapes, the literal ends early and the rest is SQL. */
const AMBIGUOUS = "SELECT '\\'' ; SELECT what FROM cdm.secret; -- '";
const MARK = query("SELECT 'mark'");

/** Sends messages and a mark after them; reads up to the answer to the mark. */
async function answers(port: number, messages: readonly Uint8Array[]): Promise<string> {
  const client = await RawClient.connect(port);
  await using _ = client;
  await client.send(startup({ user: "omcp_reader", database: "cdm", search_path: "cdm" }));
  assert.equal(errorOf(await client.until("Z")), undefined);
  await client.send(...messages, SYNC, query("ROLLBACK"), MARK);
  let all = "";
  while (true) {
    const some = await client.until("Z");
    assert.ok(
      !some.some(({ body }) => new TextDecoder().decode(body).includes("hidden")),
      "something hidden came",
    );
    all += types(some).replaceAll(/[SN]/g, "");
    if (firstColumn(some).includes("mark") || some.length === 0) return all;
  }
}

/** Orders to which the broker must answer with exactly the server's bytes. */
const LIKE_THE_SERVER: Readonly<Record<string, readonly Uint8Array[]>> = {
  "a failed pipeline, and a Query without a Sync": [
    parse("", "SELECT nothing"),
    query("SELECT 1"),
    FLUSH,
    query("SELECT 2"),
    SYNC,
  ],
  "a pipeline that is flushed and never synced, and a Query": [
    parse("a", "SELECT person_id FROM person"),
    bind("p", "a"),
    execute("p", 2),
    FLUSH,
    execute("p", 2),
    FLUSH,
    SYNC,
    query("SELECT 1"),
  ],
  "COPY in a pipeline, with an unexpected CopyDone": [
    parse("", "COPY (SELECT 1) TO STDOUT"),
    bind("", ""),
    execute(""),
    FLUSH,
    describe("P", ""),
    SYNC,
  ],
  "a cursor of SQL that the protocol executes, describes and closes": [
    query("BEGIN"),
    query("DECLARE c CURSOR FOR SELECT person_id FROM person"),
    describe("P", "c"),
    execute("c", 3),
    FLUSH,
    execute("c"),
    describe("P", "c", FRONTEND.close),
    execute("c"),
    SYNC,
  ],
  "a name that is prepared twice, and closed in between by a failed pipeline": [
    parse("a", "SELECT 1"),
    parse("a", "SELECT 2"),
    describe("S", "a", FRONTEND.close),
    SYNC,
    parse("a", "SELECT 3"),
    bind("", "a"),
    execute(""),
    SYNC,
  ],
  "several Syncs, and an empty Query between pipelines": [
    SYNC,
    SYNC,
    query(""),
    parse("", ""),
    bind("", ""),
    execute(""),
    SYNC,
    SYNC,
  ],
};

for (const [what, messages] of Object.entries(LIKE_THE_SERVER)) {
  Deno.test(`the broker answers as the server does: ${what}`, async () => {
    assert.equal(await answers(bridge.port, messages), await answers(server.port, messages));
  });
}

/** Messages that may change a setting, then SQL whose meaning depends on it, without a Sync between them. */
const BEFORE_AMBIGUOUS: Readonly<Record<string, readonly Uint8Array[]>> = {
  "a setting that a cursor of SQL changes, executed by the protocol": [
    query("BEGIN"),
    query("DECLARE c CURSOR FOR SELECT set_config('timezone', 'UTC', false)"),
    execute("c"),
    FLUSH,
  ],
  "a setting whose name has lookalike letters": [
    parse("", "SELECT set_config('\u017ftandard_conforming_strings', 'off', false)"),
    bind("", ""),
    execute(""),
    SYNC,
    parse("", "SET \"bac\u212aslash_quote\" = 'on'"),
    bind("", ""),
    execute(""),
    SYNC,
  ],
  "a setting that is reset, twice, by a statement prepared before": [
    parse("r", "RESET ALL"),
    bind("p", "r"),
    bind("q", "r"),
    execute("p"),
    execute("q"),
    FLUSH,
  ],
  "DISCARD ALL in a pipeline that has failed": [parse("", "DISCARD ALL"), bind("", ""), execute("no"), FLUSH],
};

for (const [what, messages] of Object.entries(BEFORE_AMBIGUOUS)) {
  Deno.test(`the server parses statements as the guard does, after ${what}`, async () => {
    await answers(bridge.port, [...messages, query(AMBIGUOUS), SYNC, query(AMBIGUOUS)]);
  });
}

Deno.test("startup options cannot change how SQL is read, in any spelling", async () => {
  for (
    const parameters of [
      { options: "-c\\ standard_conforming_strings=off" },
      { options: "-cstandard_conforming_strings=off" },
      { options: "--standard-conforming-strings=off" },
      { options: "-c Standard_Conforming_Strings=off" },
      { STANDARD_CONFORMING_STRINGS: "off" },
      { options: "-c role=omcp_admin" },
      { options: "-c session_authorization=omcp_admin" },
    ]
  ) {
    const client = await RawClient.connect(bridge.port);
    await using _ = client;
    await client.send(startup({ user: "anyone", ...parameters }));
    const error = errorOf(await client.until("Z"));
    assert.ok(error !== undefined && error.sqlstate !== "", JSON.stringify(parameters));
  }
});

Deno.test("a function call of the protocol in an open pipeline does not run, and leaves the session in step", async () => {
  const call = message(FRONTEND.functionCall, new Uint8Array(10));
  const { client } = await RawClient.start(bridge.port);
  await using _ = client;
  await client.send(parse("a", "SELECT 1"), bind("", "a"), call, execute(""), SYNC, MARK);
  let marked = false;
  while (!marked) {
    const some = await client.until("Z");
    assert.notEqual(some.length, 0);
    marked = firstColumn(some).includes("mark");
  }
});

Deno.test("unexpected COPY data ends the connection with an error", async () => {
  const { client } = await RawClient.start(bridge.port);
  await using _ = client;
  await client.send(parse("", "SELECT 1"), COPY_DONE, message(0x64, cstring("x")));
  const all = await client.until("Z");
  assert.equal(errorOf(all)?.sqlstate, "08P01");
});
