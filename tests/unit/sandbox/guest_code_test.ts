import assert from "node:assert/strict";
import { eventually } from "../../fixtures/eventually.ts";
import { withManager } from "../../fixtures/fake_manager.ts";
import { DEFAULT_POLICY } from "../../../src/sandbox/mod.ts";

Deno.test("the container that compiles the guest's modules runs its image on the OCI runtime of the sandboxes", async () => {
  const policy = { ...DEFAULT_POLICY, ociRuntime: "runsc" };
  await withManager(async (manager, runtime) => {
    for (let count = 1; count <= 2; count += 1) await manager.create();
    const compiler = () =>
      [...runtime.containers.values()].find(({ name }) => name.startsWith("omcp-compiler-"));
    await eventually(() => compiler() !== undefined, "it compiles");
    assert.equal(compiler()?.spec.ociRuntime, "runsc");
  }, { compiles: true, policy });
});
