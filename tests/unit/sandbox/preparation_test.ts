/** The first content of a sandbox is a part of its creation. */
import assert from "node:assert/strict";
import { OmcpError } from "../../../src/errors.ts";
import type { Sandbox, SandboxManager } from "../../../src/sandbox/mod.ts";
import { withManager } from "../../fixtures/fake_manager.ts";

const CELL = { timeoutMs: 30_000, outputBytes: 1000 };

Deno.test("a sandbox is handed out, and can be found, only when its preparation has succeeded", async () => {
  await withManager(async (manager) => {
    const seen: unknown[] = [];
    const sandbox = await manager.create({
      prepare: async (prepared) => {
        await prepared.execute("1", CELL);
        assert.throws(() => manager.get(prepared.id), { code: "sandbox_not_found" });
        seen.push(prepared, manager.list().length);
      },
    });
    assert.deepEqual(seen, [sandbox, 0]);
    assert.equal(manager.get(sandbox.id), sandbox);
  });
});

Deno.test("a sandbox whose preparation fails is removed, and the error says so", async () => {
  await withManager(async (manager, runtime) => {
    let prepared: Sandbox | undefined;
    const creation = manager.create({
      prepare: (sandbox) => {
        prepared = sandbox;
        throw new OmcpError("workspace_full", "Cannot write a.csv into the new sandbox: it is full", {
          state: "Nothing was written.",
        });
      },
    });
    await assert.rejects(creation, {
      code: "workspace_full",
      message: /^Cannot write a\.csv/,
      state: "No sandbox was created; nothing was left behind.",
    });
    assert.equal(runtime.containers.size, 0);
    assert.equal(prepared?.info().state, "removed");
    assert.deepEqual(manager.list(true), []);
    await manager.create();
  }, { maxSandboxes: 1 });
});

Deno.test("a sandbox that ends while it is prepared is not handed out", async () => {
  await withManager(async (manager, runtime) => {
    const creation = manager.create({
      prepare: async (sandbox) => {
        runtime.only.agent.end();
        await sandbox.removed;
      },
    });
    await assert.rejects(creation, { code: "sandbox_lost", state: /^No sandbox was created/ });
    await manager.create();
  }, { maxSandboxes: 1 });
});

Deno.test("a cancel, a timeout and the manager's end stop a preparation that ignores them", async () => {
  const endings: [string, (controller: AbortController, manager: SandboxManager) => unknown][] = [
    ["cancelled", (controller) => controller.abort()],
    ["timeout", (controller) => controller.abort(new OmcpError("timeout", "Timed out after 5 s"))],
    ["shutting_down", (_, manager) => manager.close()],
  ];
  for (const [code, end] of endings) {
    await withManager(async (manager, runtime) => {
      const controller = new AbortController();
      const begun = Promise.withResolvers<void>();
      const creation = manager.create({
        signal: controller.signal,
        prepare: () => {
          begun.resolve();
          return new Promise(() => {});
        },
      });
      const rejected = assert.rejects(creation, { code, state: /No sandbox was created/ });
      await begun.promise;
      await Promise.all([end(controller, manager), rejected]);
      assert.equal(runtime.containers.size, 0);
    });
  }
});
