/** Canaries in every text, date and number column of a CDM: in aggregate mode nothing that anybody gets contains one. */
import assert from "node:assert/strict";
import * as z from "zod";
import { LABEL_NAME } from "../../../../src/runtime/mod.ts";
import { RawClient } from "../../../fixtures/mcp/raw_client.ts";
import { startPostgres, type TestPostgres } from "../../../fixtures/postgres/test_postgres.ts";
import { assertNothingLeft, connectTestEngine } from "../../../fixtures/server.ts";
import {
  allowedUses,
  analyses,
  type Call,
  CODE,
  COHORTS,
  DESCRIPTIONS,
  hiddenUses,
  reading,
  WRONG,
} from "./canaries/calls.ts";
import { canariesIn, canariesInFile } from "./canaries/find.ts";
import { isDistinct, PERSONS, PLANTED, plantingSql } from "./canaries/plant.ts";

/** Calls at the same time: a caller may have 20 queries waiting. */
const AT_ONCE = 16;
/** These do not wait for the caller's turn. */
const REFUSALS_AT_ONCE = 64;

const rowsSchema = z.array(z.record(z.string(), z.union([z.string(), z.number()])));

let database: TestPostgres;
let folder: string;

Deno.test.beforeAll(async function start() {
  folder = await Deno.makeTempDir({ prefix: "omcp-canaries-" });
  for (const name of ["audit", "ledger", "exchange"]) await Deno.mkdir(`${folder}/${name}`);
  database = await startPostgres({ sample: true });
  await database.sql(plantingSql());
});

Deno.test.afterAll(async function stop() {
  await database.stop();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("each column has a canary, and the search for canaries finds it", async () => {
  const last = PLANTED.map(({ name, columns }) =>
    `'${name}', (SELECT json_agg(c) FROM (SELECT * FROM cdm.${name} ORDER BY "${
      columns[0]?.name
    }" DESC LIMIT ${PERSONS}) AS c)`
  );
  const text = await database.sql(`SELECT json_build_object(${last.join(", ")})`);
  const tables = z.record(z.string(), rowsSchema).parse(JSON.parse(text));
  for (const { name, columns } of PLANTED) {
    assert.equal(tables[name]?.length, PERSONS);
    for (const row of tables[name] ?? []) {
      const silent = columns.filter((column) =>
        isDistinct(column) && canariesIn(String(row[column.name]), true).length === 0
      );
      assert.deepEqual(silent.map((column) => `${name}.${column.name}: ${row[column.name]}`), []);
    }
  }
});

Deno.test("nothing that a client, an operator or a sandbox gets has a canary", async (t) => {
  const launch = {
    databaseHost: `127.0.0.1:${database.port}`,
    auditFolder: `${folder}/audit`,
    ledgerFolder: `${folder}/ledger`,
    exchangeFolder: `${folder}/exchange`,
  };
  const client = await RawClient.start({
    OMCP_DATABASE_URL: database.url,
    OMCP_AUDIT_FOLDER: launch.auditFolder,
    OMCP_DISCLOSURE_FOLDER: launch.ledgerFolder,
    OMCP_EXCHANGE_DIR: launch.exchangeFolder,
    OMCP_LOG_LEVEL: "debug",
  }, launch);
  const found: string[] = [];
  const called = new Map<string, { answered: number; refused: number }>();
  let files = new Uint8Array();

  /** Sends a request, and looks for canaries in the response. */
  async function request(method: string, params: Record<string, unknown>): Promise<string> {
    const id = client.nextId();
    const frame = JSON.stringify(
      await client.request(method, { ...params, _meta: { progressToken: id } }, id),
    );
    found.push(...canariesIn(frame, true).map((canary) => `${JSON.stringify(params)}: ${canary}`));
    return frame;
  }
  async function call([name, input]: Call): Promise<string> {
    const frame = await request("tools/call", { name, arguments: input });
    const counts = called.get(name) ?? { answered: 0, refused: 0 };
    called.set(name, counts);
    counts[/"isError":true|"error":/.test(frame) ? "refused" : "answered"] += 1;
    return frame;
  }
  async function all(calls: readonly Call[], atOnce = AT_ONCE): Promise<void> {
    const waiting = [...calls];
    await Promise.all(Array.from({ length: atOnce }, async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await call(next);
    }));
  }

  try {
    const sandbox_id = await client.create();
    await t.step("descriptions, queries, cohorts, analyses", async () => {
      await all([...DESCRIPTIONS, ...COHORTS]);
      await all([...analyses(sandbox_id), ...WRONG]);
      await all(allowedUses());
      await all(hiddenUses(), REFUSALS_AT_ONCE);
      assert.ok((called.get("query_omop")?.answered ?? 0) > 100, JSON.stringify([...called]));
    });
    await t.step("code, files, notebook, prompts, completions, resources", async () => {
      await call(["execute_python_code", { sandbox_id, code: CODE }]);
      for (const one of reading(sandbox_id)) await call(one);
      for (const method of ["prompts/list", "resources/templates/list", "resources/list", "tools/list"]) {
        await request(method, {});
      }
      for (const name of ["data_quality", "cohort_study"]) {
        await request("prompts/get", { name, arguments: { condition: "x" } });
      }
      const ref = { type: "ref/prompt", name: "data_quality" };
      await request("completion/complete", { ref, argument: { name: "table", value: "pers" } });
      for (const path of ["notebook.ipynb", "files/characterized.csv"]) {
        await request("resources/read", { uri: `sandbox://${sandbox_id}/${path}` });
      }
      files = await filesOf(sandbox_id);
      await call(["remove_sandbox", { sandbox_id, force: true }]);
    });
    await t.step("every tool was called, and answered", async () => {
      const list = await request("tools/list", {});
      const tools = [...list.matchAll(/"name":"(\w+)","title"/g)].map(([, name]) => name ?? "");
      assert.ok(tools.length > 20, tools.join());
      const silent = tools.filter((name) => name !== "create_sandbox" && !called.has(name));
      assert.deepEqual(silent, []);
    });
  } finally {
    await client.end();
    await assertNothingLeft(await connectTestEngine(), client.instance);
  }

  await t.step("no canary is in a response, notification, log line, audit line, or file", async () => {
    assert.deepEqual(client.strays, []);
    found.push(...client.notifications.flatMap((one) => canariesIn(JSON.stringify(one), true)));
    assert.ok(client.stderr.length > 1_000 && files.length > 10_000);
    found.push(...canariesIn(client.stderr), ...canariesInFile(files));
    for (const name of ["audit", "ledger", "exchange"]) {
      for await (const entry of Deno.readDir(`${folder}/${name}`)) {
        const bytes = await Deno.readFile(`${folder}/${name}/${entry.name}`);
        found.push(...canariesInFile(bytes).map((canary) => `${entry.name}: ${canary}`));
      }
    }
    assert.deepEqual(found, []);
  });
});

/** All files of a sandbox that it can have written. */
async function filesOf(sandbox: string): Promise<Uint8Array<ArrayBuffer>> {
  const run = async (...args: string[]) => (await new Deno.Command("docker", { args }).output()).stdout;
  const container = new TextDecoder().decode(
    await run("ps", "-q", "--filter", `label=${LABEL_NAME}=${sandbox}`),
  ).trim();
  const cat =
    "find /workspace /outputs /tmp /dev/shm /run /home -xdev -type f -size -4096k -exec cat {} + 2>/dev/null";
  return await run("exec", "--user", "0", container, "sh", "-c", cat);
}
