import assert from "node:assert/strict";
import { sandboxIdIn } from "../../../src/cli/demo/client.ts";
import { imageReference } from "../../../src/images/identity.ts";
import { VERSION } from "../../../src/version.ts";
import { removeLocalCdm } from "../../../src/cdm/local_store.ts";
import { DockerRuntime } from "../../../src/runtime/docker/mod.ts";
import { newCdmName, runCdm } from "../../fixtures/cdm/command.ts";
import { type CallTool, type LogLine, logLines, logOf } from "../../fixtures/logged_server.ts";
import { connectTestEngine } from "../../fixtures/server.ts";

let sandbox_id = "";

async function session(call: CallTool): Promise<void> {
  sandbox_id = sandboxIdIn(await call("create_sandbox", {}));
  await call("query_omop", { sandbox_id, table: "person", limit: 1 });
  await call("execute_python_code", { sandbox_id, code: "1/0 # hunter2" });
  await call("execute_python_code", { sandbox_id: "hunter2", code: "1" });
  await call("remove_sandbox", { sandbox_id });
}

/** How often a step started, and how often it was done. */
function pairs(lines: readonly LogLine[], step: string): [number, number] {
  return [
    lines.filter(({ message }) => message === `${step}: started`).length,
    lines.filter(({ message, properties }) =>
      message.startsWith(`${step}: done`) && typeof properties["durationMs"] === "number"
    ).length,
  ];
}

Deno.test("the log at info has the start, each call and each slow step, and no text of a caller", async () => {
  const lines = await logOf({}, session);
  const start = lines.find(({ message }) => message === "Serving MCP over stdio")?.properties ?? {};
  assert.deepEqual([start["version"], start["image"], start["database"], start["audit"]], [
    VERSION,
    imageReference("python"),
    "sample",
    "stderr",
  ]);
  assert.match(JSON.stringify(start["limits"]), /"maxSandboxes":10,.*"memoryBytes":2147483648/);
  const calls = lines.filter(({ properties }) => properties["tool"] !== undefined && properties["outcome"]);
  assert.deepEqual(
    calls.map(({ properties: { tool, sandbox, outcome, code } }) => [tool, sandbox, outcome, code]),
    [
      ["create_sandbox", sandbox_id, "ok", undefined],
      ["query_omop", sandbox_id, "ok", undefined],
      ["execute_python_code", sandbox_id, "error", undefined],
      ["execute_python_code", undefined, "failed", "invalid_argument"],
      ["remove_sandbox", sandbox_id, "ok", undefined],
    ],
  );
  assert.ok(calls.every(({ properties }) => typeof properties["durationMs"] === "number"));
  for (const step of ["Check the images", "Create a sandbox", "Start the local database"]) {
    assert.deepEqual(pairs(lines, step), [1, 1], step);
  }
  assert.doesNotMatch(JSON.stringify(lines), /hunter2/);
  assert.doesNotMatch(JSON.stringify(lines), /ready to accept connections/);
});

Deno.test("PostgreSQL's output at its start is in the log at debug", async () => {
  const lines = await logOf({ OMCP_LOG_LEVEL: "debug" }, session);
  const chatter = lines.filter(({ message }) => message.includes("ready to accept connections"));
  assert.deepEqual(chatter.map(({ level }) => level), ["DEBUG"]);
});

Deno.test("omcp cdm logs the start and the end of a load", async () => {
  const name = newCdmName();
  const { code, stdout, stderr } = await runCdm(["sample", "--persons", "5", "--into", `local:${name}`]);
  const engine = await connectTestEngine();
  try {
    assert.equal(code, 0, stderr);
    const lines = logLines(stderr);
    assert.deepEqual(pairs(lines, "Load the CDM"), [1, 1]);
    assert.deepEqual(pairs(lines, "Start the local database"), [1, 1]);
    // A log line; the configuration that a load prints has line breaks.
    assert.doesNotMatch(stdout, /^\{"/m);
  } finally {
    if (code === 0) await removeLocalCdm(new DockerRuntime(engine), name);
    engine.close();
  }
});
