import assert from "node:assert/strict";
import * as z from "zod";
import { auditFiles } from "../../../src/observability/audit_files.ts";
import { serverArguments } from "../../../src/app/launch.ts";
import { LABEL_INSTANCE } from "../../../src/runtime/mod.ts";
import { connectServer } from "../../../src/cli/demo/client.ts";
import {
  assertNothingLeft,
  connectTestEngine,
  containersOf,
  LAUNCH,
  newInstance,
  newSandbox,
  WITHOUT_POOL,
} from "../../fixtures/server.ts";
import { eventually } from "../../fixtures/eventually.ts";

const LEASE_SECONDS = 10;

const OPENING = [
  request(1, "initialize", {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "test", version: "1" },
  }),
  { jsonrpc: "2.0", method: "notifications/initialized" },
];

Deno.test("a server that gets SIGTERM during a cell removes everything that it created and exits 0", async () => {
  const engine = await connectTestEngine();
  const instance = newInstance();
  const { child, writer, output, sandbox_id } = await serverWithSandbox({
    env: { OMCP_LOG_LEVEL: "error", OMCP_INSTANCE: instance },
    stderr: "null",
  });
  await writer.write(
    lines([
      request(3, "tools/call", {
        name: "execute_python_code",
        arguments: { sandbox_id, code: "while True: pass" },
      }),
    ]),
  );
  child.kill("SIGTERM");
  while (!(await output.read()).done);
  assert.deepEqual((await child.status).code, 0);
  await writer.close().catch(() => {});
  await assertNothingLeft(engine, instance);
});

Deno.test("a server that gets SIGTERM while it starts leaves nothing, ends its audit and exits 0", async () => {
  const engine = await connectTestEngine();
  const instance = newInstance();
  const folder = await Deno.makeTempDir();
  const auditFolder = `${folder}/audit`;
  try {
    const child = new Deno.Command(Deno.execPath(), {
      args: serverArguments({ ...LAUNCH, auditFolder }),
      env: { OMCP_LOG_LEVEL: "error", OMCP_INSTANCE: instance, OMCP_AUDIT_FOLDER: auditFolder },
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const labels = { [LABEL_INSTANCE]: instance };
    await eventually(
      async () => (await engine.listContainers({ labels, all: true })).length > 0,
      "a container of the server",
    );
    child.kill("SIGTERM");
    assert.equal((await child.status).code, 0);
    await child.stdin.close().catch(() => {});
    assert.deepEqual(await engine.listContainers({ labels, all: true }), []);
    const [file = ""] = auditFiles(auditFolder);
    assert.match(await Deno.readTextFile(`${auditFolder}/${file}`), /"start".*\n.*"end".*\n$/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a server whose client dies, and reads no log any more, removes everything that it created", async () => {
  const engine = await connectTestEngine();
  const instance = newInstance();
  const { child, writer, output } = await serverWithSandbox({
    env: { OMCP_INSTANCE: instance },
    stderr: "piped",
  });
  assert.equal((await containersOf(engine, instance)).length, 1);
  await child.stderr.cancel();
  await output.cancel();
  await writer.close();
  assert.equal((await child.status).code, 0);
  await assertNothingLeft(engine, instance);
});

Deno.test("after kill -9 of the server every sandbox and the database end when their lease expires", async () => {
  const engine = await connectTestEngine();
  const instance = newInstance();
  const server = await connectServer({
    OMCP_LOG_LEVEL: "error",
    OMCP_INSTANCE: instance,
    OMCP_LEASE_SECONDS: String(LEASE_SECONDS),
    ...WITHOUT_POOL,
  });
  const ids = [await newSandbox(server), await newSandbox(server)];
  const query = await server.call("query_omop", { sandbox_id: ids[0], table: "person", limit: 1 });
  assert.equal(query.isError, false, query.text);
  void server.call("execute_python_code", { sandbox_id: ids[1], code: "while True: pass" }).catch(() => {});
  // The container that compiles the agent's modules once may still be there.
  await eventually(
    async () => (await containersOf(engine, instance)).length === 3,
    "two sandboxes and a database",
  );
  Deno.kill(server.pid, "SIGKILL");
  await server.close().catch(() => {});
  await assertNothingLeft(engine, instance, (LEASE_SECONDS + 90) * 1000);
});

Deno.test("what a client sent before it closed standard input is answered, also while the server starts", async () => {
  const engine = await connectTestEngine();
  const instance = newInstance();
  const { child, writer } = await openedServer({
    env: { OMCP_LOG_LEVEL: "error", OMCP_INSTANCE: instance },
    stderr: "null",
  }, [
    request(2, "tools/list", {}),
    request(3, "tools/call", { name: "list_sandboxes", arguments: {} }),
    request(4, "tools/call", { name: "execute_python_code", arguments: { sandbox_id: "sbx_0", code: "1" } }),
  ]);
  await writer.close();
  const { code, stdout } = await child.output();
  assert.equal(code, 0);
  const answers = new TextDecoder().decode(stdout).trim().split("\n").map((line) =>
    z.object({ id: z.number().optional(), result: z.unknown() }).parse(JSON.parse(line))
  );
  const results = new Map(answers.map(({ id, result }) => [id, JSON.stringify(result)]));
  assert.deepEqual([...results.keys()].filter((id) => id !== undefined).toSorted(), [1, 2, 3, 4]);
  assert.match(results.get(2) ?? "", /"create_sandbox"/);
  assert.match(results.get(3) ?? "", /"content"/);
  assert.match(results.get(4) ?? "", /"isError":true/);
  await assertNothingLeft(engine, instance);
});

Deno.test("a call that goes on after its client has closed standard input is answered: the server ended", async () => {
  const engine = await connectTestEngine();
  const instance = newInstance();
  const { child, writer, output, sandbox_id } = await serverWithSandbox({
    env: { OMCP_LOG_LEVEL: "error", OMCP_INSTANCE: instance },
    stderr: "null",
  });
  const code = { sandbox_id, code: "while True: pass" };
  await writer.write(lines([request(3, "tools/call", { name: "execute_python_code", arguments: code })]));
  await writer.close();
  let text = "";
  for (let read = await output.read(); !read.done; read = await output.read()) text += read.value;
  assert.match(text, /has been removed: the server ended.*"isError":true.*"id":3/);
  assert.equal((await child.status).code, 0);
  await assertNothingLeft(engine, instance);
});

interface ServerOptions {
  readonly env: Record<string, string>;
  readonly stderr: "null" | "piped";
}

/** Starts a server over bare pipes, which a test can cut one by one, and sends it the first messages. */
async function openedServer(options: ServerOptions, first: readonly unknown[]) {
  const child = new Deno.Command(Deno.execPath(), {
    ...options,
    env: { ...WITHOUT_POOL, ...options.env },
    args: serverArguments(LAUNCH),
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(lines([...OPENING, ...first]));
  return { child, writer };
}

/** Starts a server over bare pipes, and creates a sandbox. */
async function serverWithSandbox(options: ServerOptions) {
  const { child, writer } = await openedServer(options, [
    request(2, "tools/call", { name: "create_sandbox", arguments: {} }),
  ]);
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes('"id":2')) text += (await output.read()).value ?? "";
  return { child, writer, output, sandbox_id: /sbx_[0-9a-f]{32}/.exec(text)?.[0] };
}

function request(id: number, method: string, params: unknown) {
  return { jsonrpc: "2.0", id, method, params };
}

function lines(messages: readonly unknown[]): Uint8Array {
  return new TextEncoder().encode(messages.map((message) => `${JSON.stringify(message)}\n`).join(""));
}
