import assert from "node:assert/strict";
import { eventually } from "../../fixtures/eventually.ts";
import { withManager } from "../../fixtures/fake_manager.ts";
import { OK_RESULT } from "../../fixtures/fake_runtime.ts";

Deno.test("new sandboxes are told to import their modules when no other is being created", async () => {
  await withManager(async (manager, runtime) => {
    let creating = false;
    const told: boolean[] = [];
    runtime.reply = (method) => {
      if (method === "preload") told.push(creating);
      return { result: OK_RESULT };
    };
    const { promise, resolve } = Promise.withResolvers<void>();
    creating = true;
    const slow = manager.create({ prepare: () => promise });
    for (let count = 1; count <= 3; count += 1) await manager.create();
    // As long as a machine may take that has other work, and less than the longest wait.
    await new Promise((done) => setTimeout(done, 300));
    creating = false;
    resolve();
    await slow;
    await eventually(() => told.length === 4, "all are told");
    assert.deepEqual(told, [false, false, false, false]);
  }, { maxSandboxes: 4 });
});
