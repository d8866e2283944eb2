/** A server that was killed, stopped or detached, and the next one of the same instance: it takes the sandboxes over. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { docker } from "../../fixtures/docker/cli.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { repetitions } from "../../fixtures/load.ts";
import { RawClient } from "../../fixtures/mcp/raw_client.ts";
import { assertNothingLeft, connectTestEngine, containersOf } from "../../fixtures/server.ts";

/** Prints numbers until the file `stop` exists, then how many. */
const COUNTER = `
import os, time
n = 0
while not os.path.exists("/workspace/stop"):
    print(n, end=" ")
    n += 1
    time.sleep(0.005)
print("total", n)
`;
const SETTINGS = { OMCP_ON_SHUTDOWN: "detach", OMCP_OUTPUT_KIB: "128" };

/** Everything that an execution has shown, page after page. */
async function wholeOutput(client: RawClient, execution_id: string): Promise<string> {
  let output = "";
  for (let since = 0;;) {
    const { text } = await client.call("get_execution", { execution_id, since });
    output += text.replace(/\n\[[^]*$/, "");
    const next = /"since":(\d+)/.exec(text)?.[1];
    if (next === undefined) return output;
    since = Number(next);
  }
}

Deno.test("a cell that prints goes on while its server is killed at random moments: no number is missing or doubled", async () => {
  const engine = await connectTestEngine();
  let server = await RawClient.start({ ...SETTINGS, OMCP_POOL_SIZE: "1" });
  const { instance } = server;
  try {
    const sandbox_id = await server.create();
    await server.run(sandbox_id, "kept = 41; print('first')");
    const begun = await server.call("execute_python_code", {
      sandbox_id,
      code: COUNTER,
      context: "counter",
      timeout: 600,
      wait: 0,
    });
    const execution_id = /^execution_id: (\S+)$/m.exec(begun.text)?.[1] ?? "";
    // A cell that still waits for its interpreter ends with its server.
    await eventually(
      async () => /\b9 10 /.test((await server.call("get_execution", { execution_id })).text),
      "the cell prints",
      60_000,
    );
    // The pool's sandbox and the user's.
    await eventually(
      async () => (await containersOf(engine, instance)).length === 2,
      "the pool is filled",
      60_000,
    );
    const kills = repetitions(3);
    for (let round = 0; round < kills; round += 1) {
      // Also while a server takes the sandbox over.
      await delay(Math.random() * 1000);
      server.process.kill("SIGKILL");
      await server.end();
      server = await RawClient.start({ ...SETTINGS, OMCP_INSTANCE: instance });
    }
    // The call waits for the takeover, at most 15 s.
    assert.match(
      (await server.call("list_sandboxes", {})).text,
      new RegExp(`^1 sandbox:\n${sandbox_id}  busy`),
    );
    // One that ends in order leaves it as well.
    assert.equal((await server.close()).code, 0, server.stderr);
    server = await RawClient.start({ ...SETTINGS, OMCP_INSTANCE: instance });
    const written = await server.call("write_file", { sandbox_id, path: "stop", text: "" });
    assert.equal(written.isError, false, written.text);
    const output = await wholeOutput(server, execution_id);
    const total = Number(/total (\d+)/.exec(output)?.[1]);
    const printed = [...output.slice(0, output.indexOf("total")).matchAll(/(\d+) /g)].map(([, n]) =>
      Number(n)
    );
    assert.match(server.stderr, new RegExp(`"event":"execution","principal":"local",.*"${execution_id}"`));
    assert.ok(total > 100, output.slice(-500));
    assert.deepEqual(printed, Array.from({ length: total }, (_, n) => n));
    assert.match((await server.run(sandbox_id, "kept + 1")).text, /\[value\]\n42\n\[ok, In\[2\]/);
    const variable = { sandbox_id, code: "n", context: "counter" };
    assert.match((await server.call("execute_python_code", variable)).text, new RegExp(`\n${total}\n`));
    // Executions that ended under earlier servers, and their sources.
    const listed = (await server.call("list_sandboxes", { sandbox_id })).text;
    assert.match(
      listed,
      /^4 executions, oldest first:\n\S+ {2}execute_python_code {2}ok .* kept = 41; print\('first'\)$/m,
    );
    const first = /^(exec_\w+) .* kept = 41/m.exec(listed)?.[1];
    assert.match((await server.call("get_execution", { execution_id: first })).text, /^\[stdout\]\nfirst\n/);
    assert.match((await server.call("export_notebook", { sandbox_id })).text, /nbformat|notebook/);
    await eventually(
      async () => (await containersOf(engine, instance)).length === 1,
      "the pool's is removed",
      10_000,
    );
    await server.call("remove_sandbox", { sandbox_id, force: true });
  } catch (error) {
    // A detached sandbox would be reported in place of the failure.
    for (const id of await containersOf(engine, instance)) await engine.removeContainer(id);
    throw new Error(server.stderr, { cause: error });
  } finally {
    await server.end();
    await assertNothingLeft(engine, instance);
  }
});

Deno.test("a server that was stopped and has lost its instance cannot remove what the next server has taken over", async () => {
  const engine = await connectTestEngine();
  const stopped = await RawClient.start();
  const { instance } = stopped;
  let next: RawClient | undefined;
  try {
    const sandbox = await stopped.create();
    await stopped.run(sandbox, "kept = 41");
    Deno.kill(stopped.process.pid, "SIGSTOP");
    // As an operator could, who takes the server for dead.
    await docker("rm", "-f", `omcp-lock-${instance}`);
    next = await RawClient.start({ OMCP_INSTANCE: instance });
    assert.match((await next.run(sandbox, "kept")).text, /41/);
    Deno.kill(stopped.process.pid, "SIGCONT");
    // It gives the sandbox up, and asks the engine to remove a container of the old name.
    const listed = async () => (await stopped.call("list_sandboxes", { include_inactive: true })).text;
    await eventually(async () => / lost /.test(await listed()), "it gives the sandbox up");
    assert.match((await next.run(sandbox, "kept + 1")).text, /42/);
    assert.equal((await containersOf(engine, instance)).length, 1);
    stopped.process.kill("SIGKILL");
  } finally {
    await stopped.end();
    await next?.end();
    await assertNothingLeft(engine, instance);
  }
});
