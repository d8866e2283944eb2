/** What happens to containers and servers from outside; and cells that send nothing for a while. */
import assert from "node:assert/strict";
import { assertNothingLeft, connectTestEngine } from "../../fixtures/server.ts";
import { GRACE_MS, withScene } from "../../attacks/neighbours.ts";
import { RawClient } from "../../fixtures/mcp/raw_client.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { dockerOn } from "../../fixtures/docker/cli.ts";

Deno.test("a container killed from outside is reported lost once", async () => {
  await withScene({}, async ({ client, target }) => {
    const running = client.run(target, "while True: pass", 60);
    const listed = async () => (await client.call("list_sandboxes", { sandbox_id: target })).text;
    await eventually(async () => (await listed()).includes("  running  "), "the cell runs", 60_000);
    await dockerOn("kill", target);
    assert.match(
      (await running).text,
      /^Error outcome_unknown[^]*State: It is unknown how far[^]*Next: Create a new sandbox/,
    );
    assert.match((await client.run(target, "1")).text, /^Error sandbox_lost/);
    assert.match((await client.call("list_sandboxes", { include_inactive: true })).text, /lost/);
  });
});

Deno.test("calls to a paused container return in time; it can be removed, and continues when unpaused", async () => {
  await withScene({}, async ({ client, target }) => {
    await client.run(target, "kept = 41");
    await dockerOn("pause", target);
    const paused = await client.run(target, "kept", 1);
    assert.match(paused.text, /\[timeout, [^\]]*\]$/);
    assert.ok(paused.ms < 1000 + GRACE_MS);
    const queued = await client.call("execute_python_code", {
      sandbox_id: target,
      code: "kept = 42",
      wait: 1,
    });
    assert.match(queued.text, /^\[queued: /);
    const execution_id = /exec_[0-9a-f]{32}/.exec(queued.text)?.[0];
    assert.match((await client.call("interrupt_execution", { execution_id })).text, /interrupted/);
    await dockerOn("unpause", target);
    assert.match((await client.run(target, "kept", 20)).text, /\[value\]\n41/);
    await dockerOn("pause", target);
    assert.equal((await client.call("remove_sandbox", { sandbox_id: target })).isError, false);
  });
});

Deno.test("two signals at once end the server and leave nothing", async () => {
  const engine = await connectTestEngine();
  const client = await RawClient.start();
  void client.run(await client.create(), "while True: pass").catch(() => {});
  client.process.kill("SIGTERM");
  client.process.kill("SIGTERM");
  await client.process.status;
  await client.end();
  await assertNothingLeft(engine, client.instance);
});

Deno.test("a cell without output sends progress", async () => {
  await withScene({}, async ({ client, target }) => {
    // On a loaded machine a first cell waits for its kernel.
    await client.run(target, "1");
    const before = client.notifications.length;
    await client.run(target, "import time; time.sleep(5)");
    const messages = JSON.stringify(client.notifications.slice(before));
    assert.match(messages, /notifications\/progress.*2 s of 600 s: (queued|running).*4 s of 600 s: running/);
  });
});
