import assert from "node:assert/strict";
import { withScene } from "../../attacks/neighbours.ts";

Deno.test("a server that was stopped for a minute continues, and so do its sandboxes and their cells", async () => {
  await withScene({}, async ({ client, target, neighbour }) => {
    await client.run(target, "kept = 41");
    // Its answer waits for most of the minute, so that its request's deadline has passed.
    const noisy = client.run(
      target,
      "import time\nstart = time.time()\nwhile time.time() - start < 4: print('x' * 1000)\n'done'",
      10,
    );
    const overrun = client.run(neighbour, "import time\ntime.sleep(100)", 2);
    await new Promise((resolve) => setTimeout(resolve, 500));
    Deno.kill(client.process.pid, "SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    const waiting = client.run(target, "kept");
    Deno.kill(client.process.pid, "SIGCONT");
    assert.match((await noisy).text, /\[value\]\n'done'/);
    assert.match((await overrun).text, /\[timeout, .*variables kept\]$/);
    assert.match((await waiting).text, /\[value\]\n41/);
    assert.equal((await client.call("remove_sandbox", { sandbox_id: target })).isError, false);
  });
});
