import assert from "node:assert/strict";
import type { ConnectedServer } from "../../../src/cli/demo/client.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { continuation, ended } from "../../fixtures/mcp/executions.ts";
import { RawClient } from "../../fixtures/mcp/raw_client.ts";
import { inNewSandbox, newSandbox, sharedServer, withServer } from "../../fixtures/server.ts";

const shared = sharedServer({ OMCP_DATABASE_URL: "none" });

const COUNTER =
  "import time\nfor n in range(60):\n    print(f'<{n}>', flush=True)\n    time.sleep(0.05)\n'counted'";

/** Starts a cell without waiting for it. */
async function background(server: ConnectedServer, sandbox_id: string, code: string) {
  const { text, isError } = await server.call("execute_python_code", { sandbox_id, code, wait: 0 });
  assert.equal(isError, false);
  return continuation(text);
}

function numbersIn(text: string): number[] {
  return [...text.matchAll(/<(\d+)>/g)].map(([, n]) => Number(n));
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n);
}

Deno.test("a background cell is read in parts with no number missing or doubled, and ends with the cell's result", async () => {
  await inNewSandbox(shared(), async (server, sandbox_id) => {
    let { execution_id, since } = await background(server, sandbox_id, COUNTER);
    const parts: string[] = [];
    for (let reads = 0;; reads += 1) {
      assert.ok(reads < 200, "never ended");
      const { text } = await server.call("get_execution", { execution_id, since, wait: 0.2 });
      parts.push(text);
      if (/^\[ok, /m.test(text)) break;
      ({ since } = continuation(text));
    }
    const whole = parts.join("\n");
    assert.deepEqual(numbersIn(whole), upTo(60));
    assert.ok(parts.length > 2);
    assert.match(whole, /\[value\]\n'counted'\n/);
    const again = await server.call("get_execution", { execution_id });
    assert.deepEqual(numbersIn(again.text), upTo(60));
    assert.match(again.text, /'counted'[^]*\n\[ok, /);
  });
});

Deno.test("output that is longer than an answer is read in parts from its beginning, and nothing is lost", async () => {
  await withServer({ OMCP_DATABASE_URL: "none", OMCP_OUTPUT_KIB: "2" }, async (server) => {
    const sandbox_id = await newSandbox(server);
    const { execution_id } = await background(server, sandbox_id, "for n in range(2000): print(f'<{n}>')");
    await ended(server, execution_id);
    const cut = await server.call("get_execution", { execution_id });
    assert.match(cut.text, /left out here/);
    const numbers: number[] = [];
    let since = 0;
    for (let reads = 0; reads < 20; reads += 1) {
      const { text } = await server.call("get_execution", { execution_id, since });
      numbers.push(...numbersIn(text));
      if (!text.includes("there is more output")) break;
      ({ since } = continuation(text));
    }
    assert.deepEqual(numbers, upTo(2000));
  });
});

Deno.test("a cell that outlives the wait goes on, get_execution returns its result, and a longer wait is cut", async () => {
  await withServer({ OMCP_DATABASE_URL: "none", OMCP_WAIT_SECONDS: "1" }, async (server) => {
    const sandbox_id = await newSandbox(server);
    const first = await background(server, sandbox_id, "'the kernel has started'");
    await ended(server, first.execution_id);
    const running = await server.call("execute_python_code", {
      sandbox_id,
      code: "import time\nprint('begun', flush=True)\ntime.sleep(4)\n6 * 7",
      wait: 300,
    });
    assert.equal(running.isError, false);
    assert.match(
      running.text,
      /^\[wait: 300 s is above the maximum; the call waited at most 1 s\]\n\[stdout\]\nbegun\n\[running for [\d.]+ s of at most 600 s; nothing was interrupted\]/,
    );
    const { execution_id, since } = continuation(running.text);
    const queued = await server.call("execute_python_code", { sandbox_id, code: "'second'" });
    assert.match(
      queued.text,
      /^\[queued: waiting for another cell of this context to end; nothing was interrupted\]/,
    );
    const listed = await server.call("list_sandboxes", { sandbox_id });
    assert.match(
      listed.text,
      /^3 executions, oldest first:\nexec_.* {2}ok {2}.*\n.* {2}running {2}.* {2}import time\n.* {2}queued {2}.* {2}'second'$/,
    );
    assert.match((await server.call("list_sandboxes", {})).text, / {2}busy {2}/);
    assert.match(await ended(server, execution_id, since), /^\[value\]\n42\n\[ok, /);
    assert.match(
      await ended(server, continuation(queued.text).execution_id),
      /'second'\n\[waited [\d.]+ s for another cell of this context\]\n\[ok, /,
    );
  });
});

Deno.test("an execution ends at its timeout although nobody waits for it, and its variables are kept", async () => {
  await inNewSandbox(shared(), async (server, sandbox_id) => {
    const { text } = await server.call("execute_python_code", {
      sandbox_id,
      code: "kept = 41\nwhile True: pass",
      timeout: 1,
      wait: 0,
    });
    await eventually(
      async () => / {2}timeout {2}/.test((await server.call("list_sandboxes", { sandbox_id })).text),
      "it is listed as timeout",
      60_000,
    );
    const { execution_id } = continuation(text);
    const late = await server.call("get_execution", { execution_id });
    assert.equal(late.isError, true);
    assert.match(late.text, /\[timeout, .*variables kept\]$/);
    assert.match((await server.call("execute_python_code", { sandbox_id, code: "kept" })).text, /41/);
  });
});

Deno.test("interrupting an execution twice is a success and says its state", async () => {
  await inNewSandbox(shared(), async (server, sandbox_id) => {
    await server.call("execute_python_code", { sandbox_id, code: "kept = 41" });
    const { execution_id } = await background(server, sandbox_id, "while True: pass");
    const queued = await background(server, sandbox_id, "kept = 42");
    const never = await server.call("interrupt_execution", { execution_id: queued.execution_id });
    assert.match(
      never.text,
      /Error cancelled: The execution was interrupted\.\nState: The cell did not run\.\nretryable: no/,
    );
    const first = await server.call("interrupt_execution", { execution_id });
    assert.equal(first.isError, false);
    assert.match(first.text, /^\[interrupted exec_[^]*\[interrupted, .*variables kept\]$/);
    const second = await server.call("interrupt_execution", { execution_id });
    assert.equal(second.isError, false);
    assert.match(second.text, /had ended: interrupted\]/);
    assert.match((await server.call("execute_python_code", { sandbox_id, code: "kept" })).text, /41/);
  });
});

Deno.test("restart_kernel interrupts what runs and what waits; variables are lost, files are kept", async () => {
  await inNewSandbox(shared(), async (server, sandbox_id) => {
    await server.call("execute_python_code", { sandbox_id, code: "x = 1; open('file', 'w').write('kept')" });
    const running = await background(
      server,
      sandbox_id,
      "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    );
    const queued = await background(server, sandbox_id, "x = 2");
    const { text, isError } = await server.call("restart_kernel", { sandbox_id });
    assert.equal(isError, false, text);
    assert.match(text, /^Restarted the kernel of sandbox sbx_.*Interrupted 2 executions\.$/);
    assert.match(
      await ended(server, running.execution_id),
      /\[interrupted, .*kernel restarted: variables are lost, files in \/workspace remain\]$/,
    );
    assert.match(await ended(server, queued.execution_id), /The cell did not run/);
    const after = await server.call("execute_python_code", {
      sandbox_id,
      code: "'x' in globals(), open('file').read()",
    });
    assert.match(after.text, /^\[value\]\n\(False, 'kept'\)\n\[ok, In\[1\], /);
  });
});

Deno.test("env and cwd apply to one cell", async () => {
  await inNewSandbox(shared(), async (server, sandbox_id) => {
    const code = "import os; os.getcwd(), os.environ.get('WHO')";
    await server.call("execute_python_code", { sandbox_id, code: "import os; os.mkdir('deep')" });
    const once = await server.call("execute_python_code", {
      sandbox_id,
      code,
      env: { WHO: "me" },
      cwd: "deep",
    });
    assert.match(once.text, /\('\/workspace\/deep', 'me'\)/);
    assert.match(
      (await server.call("execute_python_code", { sandbox_id, code })).text,
      /\('\/workspace', None\)/,
    );
    const bad = await server.call("execute_python_code", {
      sandbox_id,
      code,
      env: { "A=B": "x" },
      cwd: "a\0b",
    });
    assert.match(bad.text, /^Error invalid_argument: .*must be a name without =[^]*cwd: must be well-formed/);
  });
});

Deno.test("after a sandbox's end its executions are lost, with what is known; an unknown id is not found", async () => {
  await inNewSandbox(shared(), async (server, sandbox_id) => {
    await server.call("execute_python_code", { sandbox_id, code: "print('x' * 100)" });
    const { execution_id } = await background(server, sandbox_id, "while True: pass\n# second line");
    const refused = await server.call("remove_sandbox", { sandbox_id });
    assert.match(refused.text, /^Error sandbox_busy/);
    const waiting = server.call("get_execution", { execution_id });
    await server.call("remove_sandbox", { sandbox_id, force: true });
    assert.match((await waiting).text, /Error sandbox_not_found: .*removed/);
    const lost = await server.call("get_execution", { execution_id });
    assert.match(
      lost.text,
      /^Error execution_lost: .*it was removed on request\.\nState: It was execute_python_code, started 2.*; first line: "while True: pass"\.\n/,
    );
    assert.doesNotMatch(lost.text, /second line/);
    const unknown = await server.call("get_execution", { execution_id: `exec_${"0".repeat(32)}` });
    assert.match(unknown.text, /^Error execution_not_found: /);
    const wrong = await server.call("interrupt_execution", { execution_id: "exec_1" });
    assert.match(wrong.text, /^Error invalid_argument: execution_id: must be an execution_id/);
  });
});

Deno.test("a cancel of get_execution ends only that wait; a cancel of the starting call interrupts", async () => {
  const client = await RawClient.start();
  try {
    const sandbox_id = await client.create();
    await client.run(sandbox_id, "'the kernel has started'");
    const { text } = await client.call("execute_python_code", {
      sandbox_id,
      code: "import time\nfor n in range(600):\n    print(n, flush=True)\n    time.sleep(0.05)",
      wait: 0,
    });
    const { execution_id } = continuation(text);
    const waitId = client.nextId();
    client.call("get_execution", { execution_id }, waitId).catch(() => {});
    await client.cancel(waitId);
    await eventually(
      async () => /\[running for /.test((await client.call("get_execution", { execution_id, wait: 0 })).text),
      "it runs",
      60_000,
    );
    await client.call("interrupt_execution", { execution_id });
    const callId = client.nextId();
    const code = "kept = 41\nopen('begun', 'w').close()\nwhile True: pass";
    client.call("execute_python_code", { sandbox_id, code }, callId).catch(() => {});
    await eventually(
      async () => (await client.call("list_files", { sandbox_id })).text.includes("begun"),
      "the variable is set",
      60_000,
    );
    assert.match((await client.call("list_sandboxes", { sandbox_id })).text, / {2}running {2}/);
    await client.cancel(callId);
    await eventually(
      async () => !/ {2}running {2}/.test((await client.call("list_sandboxes", { sandbox_id })).text),
      "it is no longer listed as running",
      60_000,
    );
    assert.match(
      (await client.call("list_sandboxes", { sandbox_id })).text,
      / {2}interrupted {2}.*kept = 41$/,
    );
    assert.match((await client.run(sandbox_id, "kept")).text, /41/);
  } finally {
    await client.end();
  }
});

Deno.test("create_sandbox and query_omop are executions, too", async () => {
  await withServer({ OMCP_WAIT_SECONDS: "1" }, async (server) => {
    const sandbox_id = await newSandbox(server);
    let query = (await server.call("query_omop", {
      sandbox_id,
      table: "person",
      columns: ["person_id"],
      into: "persons",
    })).text;
    if (/^execution_id: /m.test(query)) query = await ended(server, continuation(query).execution_id);
    assert.match(query, /DataFrame `persons`: 1,?000 rows/);
    const { text } = await server.call("list_sandboxes", { sandbox_id });
    const execution_id = /(exec_[0-9a-f]{32}) {2}query_omop {2}ok/.exec(text)?.[1];
    assert.equal((await server.call("get_execution", { execution_id })).text, query);
  });
});

Deno.test("calls that wait when their sandbox ends show what the cell has printed", async () => {
  await inNewSandbox(shared(), async (server, sandbox_id) => {
    const code = "print('so far', flush=True)\nimport time; time.sleep(60)";
    const starting = server.call("execute_python_code", { sandbox_id, code });
    let listed = "";
    for (let round = 0; round < 300 && !listed.includes("output 7 bytes"); round += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      listed = (await server.call("list_sandboxes", { sandbox_id })).text;
    }
    const execution_id = /exec_[0-9a-f]{32}/.exec(listed)?.[0];
    const waiting = server.call("get_execution", { execution_id });
    await server.call("remove_sandbox", { sandbox_id, force: true });
    for (const { text, isError } of await Promise.all([starting, waiting])) {
      assert.match(text, /^\[stdout\]\nso far\nError sandbox_not_found: .*removed/);
      assert.equal(isError, true);
    }
  });
});
