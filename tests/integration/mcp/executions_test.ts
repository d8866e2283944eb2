import assert from "node:assert/strict";
import { newSandbox, withServer } from "../../fixtures/server.ts";
import type { ConnectedServer } from "../../../src/cli/demo/client.ts";

const COUNTER =
  "import time\nfor n in range(60):\n    print(f'<{n}>', flush=True)\n    time.sleep(0.05)\n'counted'";

/** The execution's id and the position that an answer names. */
function continuation(text: string): { readonly execution_id: string; readonly since: number } {
  const execution_id = /^execution_id: (exec_[0-9a-f]{32})$/m.exec(text)?.[1];
  const since = /"since":(\d+)/.exec(text)?.[1];
  assert.ok(execution_id !== undefined && since !== undefined, text);
  return { execution_id, since: Number(since) };
}

async function background(server: ConnectedServer, sandbox_id: string, code: string) {
  const { text, isError } = await server.call("execute_python_code", { sandbox_id, code, wait: 0 });
  assert.equal(isError, false);
  return continuation(text);
}

/** Waits until an execution has ended; returns its result, after a position. */
async function ended(server: ConnectedServer, execution_id: string, since?: number): Promise<string> {
  for (let reads = 0; reads < 100; reads += 1) {
    const { text } = await server.call("get_execution", {
      execution_id,
      ...(since === undefined ? {} : { since }),
    });
    if (!text.includes("\nexecution_id: ")) return text;
  }
  throw new Error("It never ended");
}

Deno.test("a background cell is read in parts with no number missing or doubled, and ends with the cell's result", async () => {
  await withServer({ OMCP_DATABASE_URL: "none" }, async (server) => {
    const sandbox_id = await newSandbox(server);
    let { execution_id, since } = await background(server, sandbox_id, COUNTER);
    const parts: string[] = [];
    for (let reads = 0;; reads += 1) {
      assert.ok(reads < 200, "never ended");
      const { text } = await server.call("get_execution", { execution_id, since, wait: 0.2 });
      parts.push(text);
      if (/\n\[ok, /.test(text)) break;
      ({ since } = continuation(text));
    }
    const whole = parts.join("\n");
    const numbers = [...whole.matchAll(/<(\d+)>/g)].map(([, n]) => Number(n));
    assert.deepEqual(numbers, Array.from({ length: 60 }, (_, n) => n));
    assert.ok(parts.length > 2);
    assert.match(whole, /\[value\]\n'counted'\n/);
    const again = await server.call("get_execution", { execution_id });
    assert.match(again.text, /<0>[^]*<59>[^]*'counted'[^]*\n\[ok, /);
  });
});

Deno.test("a cell that outlives the wait goes on, and get_execution returns its result", async () => {
  await withServer({ OMCP_DATABASE_URL: "none", OMCP_WAIT_SECONDS: "1" }, async (server) => {
    const sandbox_id = await newSandbox(server);
    const first = await background(server, sandbox_id, "'the kernel has started'");
    await ended(server, first.execution_id);
    const running = await server.call("execute_python_code", {
      sandbox_id,
      code: "import time\nprint('begun', flush=True)\ntime.sleep(4)\n6 * 7",
    });
    assert.equal(running.isError, false);
    assert.match(
      running.text,
      /^\[stdout\]\nbegun\n\[running for [\d.]+ s of at most 600 s; nothing was interrupted\]/,
    );
    const { execution_id, since } = continuation(running.text);
    assert.match(await ended(server, execution_id, since), /^\[value\]\n42\n\[ok, /);
  });
});

Deno.test("interrupting an execution twice is a success and says its state", async () => {
  await withServer({ OMCP_DATABASE_URL: "none" }, async (server) => {
    const sandbox_id = await newSandbox(server);
    await server.call("execute_python_code", { sandbox_id, code: "kept = 41" });
    const { execution_id } = await background(server, sandbox_id, "while True: pass");
    const first = await server.call("interrupt_execution", { execution_id });
    assert.equal(first.isError, false);
    assert.match(first.text, /^\[interrupted exec_[^]*\[interrupted, .*variables kept\]$/);
    const second = await server.call("interrupt_execution", { execution_id });
    assert.equal(second.isError, false);
    assert.match(second.text, /had ended: interrupted\]/);
    assert.match((await server.call("execute_python_code", { sandbox_id, code: "kept" })).text, /41/);
  });
});
