import assert from "node:assert/strict";
import { type ErrorCode, OmcpError } from "../../../src/errors.ts";
import { InstanceLock } from "../../../src/runtime/mod.ts";
import { FakeRuntime } from "../../fixtures/fake_runtime.ts";

/** The removals by name that follow a failed creation of the lock's container. */
async function removalsAfter(code: ErrorCode): Promise<number> {
  const runtime = new FakeRuntime();
  let removals = 0;
  runtime.fail = (call) => {
    if (call === "createContainer") throw new OmcpError(code, "The creation failed");
    if (call === "removeContainer") removals += 1;
  };
  const options = { runtime, instance: "unit", image: "image", leaseSeconds: 30, onLost: () => {} };
  await assert.rejects(InstanceLock.acquire(options), { code });
  return removals;
}

Deno.test("a failed creation of a lock removes by name only what it may have created", async () => {
  for (const code of ["engine_refused", "engine_unreachable", "image_missing"] as const) {
    assert.equal(await removalsAfter(code), 0, code);
  }
  for (const code of ["engine_failed", "timeout"] as const) assert.equal(await removalsAfter(code), 1, code);
});
