/** What a caller may ask for, and what a sandbox then gets. */
import assert from "node:assert/strict";
import { checkPolicy, DEFAULT_POLICY, sizedPolicy } from "../../../src/sandbox/mod.ts";
import { leastMemory, scaledPolicy } from "../../../src/sandbox/policy.ts";
import { requestedPolicy, resourceBounds } from "../../../src/sandbox/resources.ts";

const MIB = 1024 * 1024;
const MAXIMUM = { memoryBytes: 8192 * MIB, cpus: 4 };

Deno.test("a request changes memory and CPUs, and the file systems for users' files with the memory", () => {
  const policy = requestedPolicy(DEFAULT_POLICY, { memoryBytes: 4096 * MIB, cpus: 2.5 }, MAXIMUM);
  const { workspace, tmp, run, shm } = policy;
  const same = { workspace, tmp, run, shm };
  assert.deepEqual(policy, { ...DEFAULT_POLICY, memoryBytes: 4096 * MIB, cpus: 2.5, ...same });
  assert.deepEqual(workspace, { bytes: 1024 * MIB, inodes: 131_072 });
  assert.deepEqual([tmp.bytes, shm.bytes, run], [512 * MIB, 128 * MIB, DEFAULT_POLICY.run]);
  assert.deepEqual(requestedPolicy(DEFAULT_POLICY, {}, MAXIMUM), DEFAULT_POLICY);
});

Deno.test("a request beyond the bounds, or that is not a number, names the argument and the bounds", () => {
  for (const memoryBytes of [-1, 0, 255 * MIB, 8193 * MIB, Number.NaN, 1e309, -1e309]) {
    assert.throws(() => requestedPolicy(DEFAULT_POLICY, { memoryBytes }, MAXIMUM), {
      code: "invalid_argument",
      message: /^memory_mb must be from 256 to 8192; received /,
    });
  }
  for (const cpus of [-1, 0, 0.04, 4.01, Number.NaN, 1e309]) {
    assert.throws(() => requestedPolicy(DEFAULT_POLICY, { cpus }, MAXIMUM), {
      code: "invalid_argument",
      message: /^cpus must be from 0\.05 to 4; received /,
    });
  }
});

Deno.test("whatever the settings, every memory within the bounds gives a valid policy", () => {
  for (const memory of [256, 300, 1000, 2048, 100_000]) {
    for (const workspace of [1, 10, 200, 1500, 90_000]) {
      const policy = sizedPolicy({
        memoryBytes: memory * MIB,
        cpus: 1,
        pids: 256,
        workspaceBytes: workspace * MIB,
      });
      if (!isValid(() => checkPolicy(policy))) continue;
      const { least, most } = resourceBounds(policy, { memoryBytes: 200_000 * MIB, cpus: 1 }).memoryMib;
      assert.ok(least <= memory && most === 200_000, `${least} to ${most}`);
      for (let mib = least; mib <= most; mib += 1 + Math.floor(mib / 20)) {
        checkPolicy(scaledPolicy(policy, mib * MIB));
      }
    }
  }
});

Deno.test("a default above the maximum is itself the maximum", () => {
  const policy = { ...DEFAULT_POLICY, cpus: 0.02 };
  const bounds = resourceBounds(policy, { memoryBytes: 1, cpus: 0.01 });
  assert.deepEqual(bounds.cpus, { least: 0.02, most: 0.02 });
  assert.deepEqual(bounds.memoryMib, { least: leastMemory(policy) / MIB, most: 2048 });
});

function isValid(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}
