/**
 * What a client may do with settings: from SET to startup options, by both protocols, with messages in any order.
 * Longer than 300 lines: the tests share one server, which takes seconds to start.
 */
import { concatBytes } from "../../../src/lib/bytes.ts";
import assert from "node:assert/strict";
import { cstring, FRONTEND, int32, message } from "../../../src/postgres/wire/message.ts";
import { urlUpstream } from "../../../src/postgres/mod.ts";
import { Bridge } from "../../fixtures/postgres/bridge.ts";
import { startPostgres, type TestPostgres } from "../../fixtures/postgres/test_postgres.ts";
import { withGuarded } from "../../fixtures/postgres/guarded.ts";
import { permissivePlanner } from "../../fixtures/postgres/planner.ts";
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

let server: TestPostgres;

Deno.test.beforeAll(async function start() {
  server = await startPostgres();
  await server.sql(`CREATE SCHEMA IF NOT EXISTS cdm; GRANT USAGE ON SCHEMA cdm TO omcp_reader;
    CREATE TABLE IF NOT EXISTS cdm.person (person_id bigint); GRANT SELECT ON cdm.person TO omcp_reader;
    CREATE SCHEMA site; GRANT USAGE ON SCHEMA site TO PUBLIC;
    CREATE FUNCTION site.note(text) RETURNS boolean LANGUAGE sql AS
      $$ SELECT current_setting('transaction_read_only') IS NOT NULL AND pg_advisory_lock(4711) IS NOT NULL $$;
    CREATE DOMAIN site.dom AS text CHECK (site.note(VALUE)); CREATE TYPE site.mood AS ENUM ('a')`);
});

Deno.test.afterAll(async function stop() {
  await server.stop();
});

/** Serves a real guard on a loopback port, as the well-formed role or as a superuser, and runs a client's part. */
async function withClient(
  role: "reader" | "superuser",
  part: (client: RawClient) => Promise<void>,
): Promise<void> {
  await withGuarded({
    upstream: urlUpstream(role === "reader" ? server.url : server.adminUrl),
    cdmRelations: new Set(["person"]),
    ...(role === "reader" ? {} : { allowUnsafeRole: "omcp_admin" }),
  }, part);
}

/** Expressions that could become "off" while they look like "on", and the other way round. */
const VALUES = [
  "'1'::numeric(2,-1)::text",
  "'on'::varchar(1)",
  "CAST('1' AS numeric(2,-1))::text",
  "('on')::text",
  "'o' || 'ff'",
  "upper('off')",
  "(SELECT 'off')",
  "CASE WHEN true THEN 'off' END",
  "coalesce(NULL, 'off')",
  "'off' COLLATE \"C\"",
  "(ARRAY['off'])[1]",
  "current_setting('enable_seqscan')",
  "NULL",
  "'off'",
  "'0'",
  "'f'",
];
const NAMES = [
  "'standard_conforming_strings'",
  "'standard_conforming_strings'::text",
  "lower('STANDARD_CONFORMING_STRINGS')",
  "'standard_conforming' || '_strings'",
  "'STANDARD_conforming_STRINGS'",
  "'backslash_quote'",
  "'transaction_read_only'",
  "'row_security'",
  "'search_path'",
];

for (const role of ["reader", "superuser"] as const) {
  Deno.test(`no expression given to set_config() changes how SQL is read (${role})`, async () => {
    await withClient(role, async (client) => {
      for (const name of NAMES) {
        for (const value of VALUES) {
          for (const local of ["true", "false"]) {
            const sql = `SELECT set_config(${name}, ${value}, ${local})`;
            // without Sync, and a literal that ends elsewhere where backslashes escape
            await client.send(
              parse("", sql),
              bind("", ""),
              execute(""),
              query("SELECT '\\'' ; SELECT 40 + 2 AS hidden; -- '"),
            );
            await client.send(SYNC);
            const all = await client.until("Z");
            assert.ok(!firstColumn(all).includes("42"), sql);
            assert.match(errorOf(all)?.sqlstate ?? "", /^(42501|25006)$/, sql);
          }
        }
      }
      for (
        const setting of ["standard_conforming_strings", "row_security", "default_transaction_read_only"]
      ) {
        assert.deepEqual(firstColumn(await client.query(`SHOW ${setting}`)), ["on"]);
      }
    });
  });
}

Deno.test("a guarded setting may be set to its safe value, and no form of SET gives it another", async () => {
  await withClient("superuser", async (client) => {
    const kept = ["standard_conforming_strings = on", "client_encoding TO 'UTF8'", "row_security = true"];
    for (
      const sql of [
        ...kept.flatMap((assignment) => [`SET ${assignment}`, `SET LOCAL ${assignment}`]),
        ...["standard_conforming_strings", "transaction_read_only", "search_path", "row_security"].flatMap(
          (name) => [`RESET ${name}`, `SET ${name} TO DEFAULT`, `SET SESSION ${name} TO DEFAULT`],
        ),
        "SET search_path TO cdm",
        "SET search_path TO cdm, public",
        "SET SCHEMA 'cdm'",
        "SET NAMES 'UTF8'",
        "SET ROLE NONE",
        "RESET ROLE",
        "RESET SESSION AUTHORIZATION",
        "SET SESSION AUTHORIZATION DEFAULT",
        "SET transaction_read_only = on",
        "SELECT set_config('standard_conforming_strings', 'on', false)",
        "SELECT pg_catalog.set_config('search_path', 'cdm', false) AS path",
      ]
    ) {
      await client.query("BEGIN");
      const all = await client.query(sql);
      assert.equal(errorOf(all)?.message, undefined, sql);
      assert.match(types(all).replaceAll("S", ""), /^(TD)?CZ$/, sql);
      const now =
        "SELECT concat_ws(' ', current_setting('standard_conforming_strings'), current_setting('transaction_read_only'), " +
        "current_setting('search_path'), current_setting('row_security'), current_setting('client_encoding'), current_user)";
      assert.deepEqual(firstColumn(await client.query(now)), ['on on "cdm" on UTF8 omcp_admin'], sql);
      await client.query("COMMIT");
    }
    for (
      const sql of [
        "SET search_path TO site, cdm",
        "SET search_path TO 'cdm, public'",
        "SET SCHEMA 'site'",
        "SELECT set_config('search_path', 'cdm, site', false)",
        "SELECT set_config('search_path', '', false)",
        "SET ROLE omcp_reader",
        "SET SESSION AUTHORIZATION omcp_reader",
        "SELECT set_config('role', 'omcp_reader', false)",
        "SELECT 1, set_config('row_security', 'on', false)",
        "SELECT set_config('row_security', 'on', false) FROM person",
        "SET statement_timeout = 0",
        "SET statement_timeout = '00'",
        "SET statement_timeout = '1000000s'",
        "SET statement_timeout = '0.4ms'",
        "SET lock_timeout = '10min'",
        "SET transform_null_equals = on",
        "SET plan_cache_mode = 'x'",
        "SET geqo = off",
        "SET geqo_threshold = 13",
        "SELECT set_config('geqo', 'off', false)",
        "SET join_collapse_limit = 20",
        "SET idle_in_transaction_session_timeout = 0",
        "SET lock_timeout = '0.1ms'",
        "SET effective_cache_size = '-1'",
        "SET random_page_cost = 'NaN'",
      ]
    ) assert.equal(errorOf(await client.query(sql))?.sqlstate, "42501", sql);
  });
});

Deno.test("harmless settings change, and stricter time limits too", async () => {
  await withClient("reader", async (client) => {
    for (
      const [sql, name, value] of [
        ["SET statement_timeout = 5000", "statement_timeout", "5s"],
        ["SET statement_timeout TO '2 min'", "statement_timeout", "2min"],
        ["SET enable_nestloop = off", "enable_nestloop", "off"],
        ["SELECT set_config('TimeZone', 'Asia/Tokyo', false)", "timezone", "Asia/Tokyo"],
        ["SET datestyle TO iso, dmy", "datestyle", "ISO, DMY"],
        ["SET application_name = 'a\\b''c'", "application_name", "a\\b'c"],
        ["SET seed = 0.5", "enable_sort", "on"],
        ["RESET timezone", "timezone", "UTC"],
        ["SET lock_timeout = 0", "lock_timeout", "0"],
        ["SET idle_session_timeout = 0", "idle_session_timeout", "0"],
        ["SET geqo = on", "geqo", "on"],
        ["SET geqo_threshold = 2", "geqo_threshold", "2"],
        ["SET random_page_cost = 1.1", "random_page_cost", "1.1"],
        ["SET LOCAL cpu_tuple_cost = 0.01", "cpu_tuple_cost", "0.01"],
        ["SET effective_cache_size = '4GB'", "effective_cache_size", "4GB"],
        ["SET min_parallel_table_scan_size = 0", "min_parallel_table_scan_size", "0"],
        ["SET jit_above_cost = -1", "jit_above_cost", "-1"],
        ["SET check_function_bodies = false", "check_function_bodies", "off"],
      ] as const
    ) {
      assert.equal(errorOf(await client.query(sql))?.message, undefined, sql);
      assert.deepEqual(firstColumn(await client.query(`SHOW ${name}`)), [value], sql);
    }
    for (
      const sql of [
        "SELECT string_agg(word, ',') FROM pg_catalog.pg_get_keywords() WHERE word <> ALL ('{select}'::text[])",
        "SELECT k.word, k.catcode FROM pg_get_keywords() k",
        "SELECT txid_current_if_assigned() IS NULL, pg_current_xact_id_if_assigned() IS NULL",
      ]
    ) assert.equal(errorOf(await client.query(sql))?.message, undefined, sql);
    // a parameter may give a value if nothing depends on it
    const setZone = message(
      FRONTEND.bind,
      cstring(""),
      cstring(""),
      Uint8Array.of(0, 0, 0, 1),
      int32(11),
      new TextEncoder().encode("Asia/Tehran"),
      Uint8Array.of(0, 0),
    );
    await client.send(parse("", "SELECT set_config('TimeZone', $1, false)"), setZone, execute(""), SYNC);
    assert.deepEqual(firstColumn(await client.until("Z")), ["Asia/Tehran"]);
    await client.send(parse("", "SELECT set_config('row_security', $1, false)"), SYNC);
    assert.equal(errorOf(await client.until("Z"))?.sqlstate, "42501");
  });
});

Deno.test("literals mean the same whatever standard_conforming_strings is", async () => {
  const literals = [
    "'a\\b'",
    "'\\'",
    "N'\\n'",
    "E'\\n'",
    "'a''\\z'",
    "$$\\$$",
    "'x' \n 'y\\z'",
    "U&'\\0041\\\\'",
  ];
  const { sentFor } = await import("../../fixtures/postgres/planning.ts");
  assert.equal(sentFor("SELECT'\\' AS a, 1 LIKE'\\'"), "SELECT E'\\\\' AS a, 1 LIKE E'\\\\'");
  for (const literal of literals) {
    const sql = `SELECT ${literal} AS "a\\b" -- \\`;
    const sent = sentFor(sql);
    const usual = await server.sql(sql);
    assert.equal(await server.sql(sent), usual, sent);
    // such a literal is an error there, and no other text
    if (literal.startsWith("U&")) continue;
    assert.equal(
      (await server.sql(`SET standard_conforming_strings = off;\n${sent}`)).replace(/^SET\n/, ""),
      usual,
      sent,
    );
  }
});

Deno.test("what follows a SET is held until the server has answered it", async () => {
  await using bridge = new Bridge({ url: server.url, planner: permissivePlanner });
  const off = "SET standard_conforming_strings = off";
  for (
    const attack of [
      [parse("", off), bind("", ""), execute(""), query("SELECT 42")],
      [
        parse("s", off),
        bind("p", "s"),
        execute("p"),
        parse("", "SELECT 42"),
        bind("", ""),
        execute(""),
        SYNC,
      ],
      [parse("", off), bind("", ""), execute(""), SYNC, query("SELECT 42")],
      [query(off), query("SELECT 42")],
    ]
  ) {
    const { client } = await RawClient.start(bridge.port);
    await using _ = client;
    await client.send(concatBytes(attack));
    const all = await client.until("never");
    assert.deepEqual(firstColumn(all), []);
    assert.equal(errorOf(all)?.sqlstate, "42501");
  }
});

Deno.test("a pipeline with a SET is answered as without a broker", async () => {
  await withClient("reader", async (client) => {
    const one = (sql: string): Uint8Array => concatBytes([parse("", sql), bind("", ""), execute("")]);
    await client.send(one("SET timezone = 'Asia/Tehran'"), one("SHOW timezone"), SYNC, query("SELECT 7"));
    const first = await client.until("Z");
    assert.equal(types(first).replaceAll("S", ""), "12C12DCZ");
    assert.deepEqual(firstColumn(first), ["Asia/Tehran"]);
    assert.deepEqual(firstColumn(await client.until("Z")), ["7"]);
    await client.send(
      one("SET timezone = 'No/Where'"),
      one("SELECT 8"),
      describe("P", ""),
      SYNC,
      query("SELECT 9"),
    );
    assert.equal(types(await client.until("Z")), "12EZ");
    assert.deepEqual(firstColumn(await client.until("Z")), ["9"]);
    await client.send(one("SELECT 10"), query("SELECT 11"));
    const both = await client.until("Z");
    assert.deepEqual([types(both), firstColumn(both)], ["12DCTDCZ", ["10", "11"]]);
    await client.send(one("SELECT 1/0"), query("SELECT 12"), SYNC);
    assert.equal(types(await client.until("Z")), "1EZ");
    await client.query("BEGIN");
    await client.send(one("SET LOCAL timezone = 'Asia/Tokyo'"), one("SHOW timezone"), SYNC);
    assert.deepEqual(firstColumn(await client.until("Z")), ["Asia/Tokyo"]);
    await client.query("COMMIT");
  });
});

Deno.test("parameters have types of PostgreSQL itself only", async () => {
  const oids = (await server.sql(
    "SELECT oid FROM pg_type WHERE typnamespace = 'site'::regnamespace UNION ALL SELECT reltype FROM pg_class WHERE oid = 'cdm.person'::regclass",
  )).trim().split("\n").map(Number);
  assert.ok(oids.length >= 5);
  await withClient("superuser", async (client) => {
    const typed = (oid: number): Uint8Array =>
      message(FRONTEND.parse, cstring("s"), cstring("SELECT $1::text"), Uint8Array.of(0, 1), int32(oid));
    for (const oid of [...oids, 2249, 2276, 2278, 142, 1790, 4_294_967_295]) {
      await client.send(typed(oid), SYNC);
      assert.equal(errorOf(await client.until("Z"))?.sqlstate, "42501", String(oid));
    }
    for (const oid of [0, 23, 25, 1009, 1184]) {
      await client.send(describe("S", "s", FRONTEND.close), typed(oid), SYNC);
      assert.equal(errorOf(await client.until("Z")), undefined, String(oid));
    }
  });
});

Deno.test("names of roles arrive as they are", async () => {
  await server.sql('CREATE ROLE "rôle é" LOGIN; GRANT CONNECT ON DATABASE cdm TO "rôle é"');
  await using bridge = new Bridge({
    url: server.url.replace("omcp_reader", encodeURIComponent("rôle é")),
    planner: permissivePlanner,
  });
  const { client, greeting } = await RawClient.start(bridge.port);
  await using _ = client;
  const parameters = greeting.filter(({ type }) => type === "S").map(({ body }) =>
    new TextDecoder().decode(body)
  );
  assert.ok(parameters.includes("session_authorization\0rôle é\0"), JSON.stringify(parameters));
  assert.deepEqual(firstColumn(await client.query("SELECT current_user")), ["rôle é"]);
});

Deno.test("errors have positions in the client's own text", async () => {
  await using direct = await RawClient.connect(server.port);
  await direct.send(startup({ user: "omcp_admin", database: "cdm", search_path: "cdm" }));
  await direct.until("Z");
  await withClient("superuser", async (client) => {
    for (
      const sql of [
        "SELECT upper('é'), lower('\\x'), nosuch FROM cdm.person",
        "  SELECT upper('x') + lower(1)",
        "SELECT 'é😀' AS a;\n SELECT abs('x' || upper('y')), other FROM cdm.person",
        "SELECT 1/0 + abs(nosuch)",
        "BEGIN; SELECT upper(nosuch)",
      ]
    ) {
      const wanted = errorOf(await direct.query(sql));
      const found = errorOf(await client.query(sql));
      assert.ok(wanted?.position !== undefined, sql);
      const message = found?.message.replaceAll("pg_catalog.", "");
      assert.deepEqual([message, found?.position], [wanted.message, wanted.position], sql);
      await client.query("ROLLBACK");
      await direct.query("ROLLBACK");
    }
    await client.send(parse("", "SELECT upper('a'), nosuch"), SYNC);
    assert.equal(errorOf(await client.until("Z"))?.position, 20);
  });
});
