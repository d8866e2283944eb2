import assert from "node:assert/strict";
import { eventually } from "../../fixtures/eventually.ts";
import { continuation } from "../../fixtures/mcp/executions.ts";
import { type Connection, withSharedServer } from "../../fixtures/mcp/shared_server.ts";
import { sandboxIdIn } from "../../../src/cli/demo/client.ts";

const NUMBERS = 80;
const COUNTER =
  `import time\nfor n in range(${NUMBERS}):\n    print(f'<{n}>', flush=True)\n    time.sleep(0.01)\nmade = 'whole'`;

/** Reads a whole execution in parts. */
async function readAll(connection: Connection, execution_id: string): Promise<string> {
  const parts: string[] = [];
  let since = 0;
  for (let reads = 0; reads < 500; reads += 1) {
    const { text } = await connection.call("get_execution", { execution_id, since, wait: 0.1 });
    parts.push(text);
    if (!text.includes("\nexecution_id: ")) return parts.join("\n");
    ({ since } = continuation(text));
  }
  throw new Error("It never ended");
}

async function runningExecution(connection: Connection, sandbox_id: string): Promise<string> {
  let found: string | undefined;
  await eventually(async () => {
    const { text } = await connection.call("list_sandboxes", { sandbox_id });
    found = /(exec_[0-9a-f]{32}) {2}execute_python_code {2}(?:queued|running)/.exec(text)?.[1];
    return found !== undefined;
  }, "an execution runs");
  return found ?? "";
}

Deno.test("a client that goes away at any moment loses no output of its execution: another connection reads all of it", async () => {
  await withSharedServer({}, async (connect) => {
    const second = await connect();
    const sandbox_id = sandboxIdIn((await second.call("create_sandbox", {})).text);
    await second.call("execute_python_code", { sandbox_id, code: "1" });
    for (let kill = 0; kill < 10; kill += 1) {
      const first = await connect();
      const call = first.call("execute_python_code", { sandbox_id, code: COUNTER });
      call.catch(() => {});
      const execution_id = await runningExecution(second, sandbox_id);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 600));
      await first.drop();
      await assert.rejects(call);
      const text = await readAll(second, execution_id);
      const numbers = [...text.matchAll(/<(\d+)>/g)].map(([, n]) => Number(n));
      assert.deepEqual(numbers, Array.from({ length: NUMBERS }, (_, n) => n), `kill ${kill}`);
      assert.match(text, /\[ok, In\[\d+\], /);
    }
  });
});

Deno.test("a connection that ends during get_execution leaves the execution running", async () => {
  await withSharedServer({}, async (connect) => {
    const [first, second] = [await connect(), await connect()];
    const sandbox_id = sandboxIdIn((await second.call("create_sandbox", {})).text);
    const { text } = await first.call("execute_python_code", { sandbox_id, code: COUNTER, wait: 0 });
    const { execution_id } = continuation(text);
    const waiting = first.call("get_execution", { execution_id });
    waiting.catch(() => {});
    await first.drop();
    await assert.rejects(waiting);
    assert.match(await readAll(second, execution_id), /<79>[^]*\[ok, /);
  });
});
