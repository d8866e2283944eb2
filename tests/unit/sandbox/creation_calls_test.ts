import assert from "node:assert/strict";
import type { ContainerRuntime } from "../../../src/runtime/mod.ts";
import { DEFAULT_POLICY, type SandboxPolicy } from "../../../src/sandbox/mod.ts";
import { withManager } from "../../fixtures/fake_manager.ts";

/** The calls of the runtime that a creation makes, sorted: some run beside each other. */
async function callsOfCreation(policy: SandboxPolicy): Promise<readonly (keyof ContainerRuntime)[]> {
  const calls: (keyof ContainerRuntime)[] = [];
  await withManager(async (manager, runtime) => {
    runtime.fail = (call) => calls.push(call);
    await manager.create();
    runtime.fail = () => {};
  }, { policy });
  return calls.sort();
}

Deno.test("a creation makes four calls of the runtime, and a fifth to check an OCI runtime that was chosen", async () => {
  const four = ["attach", "createContainer", "listContainers", "startContainer"];
  assert.deepEqual(await callsOfCreation(DEFAULT_POLICY), four);
  const chosen = await callsOfCreation({ ...DEFAULT_POLICY, ociRuntime: "runsc" });
  assert.deepEqual(chosen, [...four, "inspectContainer"].sort());
});
