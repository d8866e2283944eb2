import assert from "node:assert/strict";
import { DEFAULT_POLICY, sandboxContainerSpec, type SandboxPolicy } from "../../../src/sandbox/policy.ts";
import { SANDBOX_SECCOMP } from "../../../src/runtime/mod.ts";

const IDENTITY = {
  image: "omcp-python:test",
  uid: 23456,
  labels: { "org.omcp.name": "x" },
  env: { HOME: "/tmp/home", LANG: "C.UTF-8" },
  command: ["python3", "-c", "pass"],
};
const MIB = 1024 * 1024;

Deno.test("sandboxContainerSpec() sets every limit of the policy", () => {
  const { confinement, limits, tmpfs, stdin, volumes, ociRuntime, ...rest } = sandboxContainerSpec(
    { ...DEFAULT_POLICY, ociRuntime: "runsc" },
    IDENTITY,
  );
  const { uid, ...identity } = IDENTITY;
  assert.deepEqual(rest, { ...identity, workingDir: "/workspace", hostname: "sandbox" });
  assert.equal(confinement.uid, uid);
  assert.equal(confinement.seccomp, SANDBOX_SECCOMP);
  assert.ok(
    confinement.maskedPaths.includes("/proc/pressure") && confinement.maskedPaths.includes("/proc/kcore"),
  );
  assert.ok(confinement.readOnlyPaths.includes("/proc/sys"));
  assert.deepEqual(limits, {
    memoryBytes: 2048 * MIB,
    cpus: 1,
    cpuShares: 256,
    pids: 256,
    userProcesses: 256,
    openFiles: 4096,
    oomScoreAdj: 0,
  });
  assert.deepEqual(tmpfs.map(({ path, mode, exec }) => [path, mode, exec]), [
    ["/workspace", "0700", true],
    ["/tmp", "1777", false],
    ["/run", "0755", false],
    ["/dev/shm", "1777", false],
  ]);
  assert.deepEqual([stdin, volumes, ociRuntime], [undefined, undefined, "runsc"]);
});

Deno.test("sandboxContainerSpec() refuses limits that are out of range", () => {
  const unsound: [keyof SandboxPolicy, unknown][] = [
    ["memoryBytes", -1],
    ["memoryBytes", Number.NaN],
    ["memoryBytes", 1e309],
    ["memoryBytes", 1.5 * 1024 ** 3 + 0.5],
    ["cpus", 0],
    ["cpus", Number.NaN],
    ["cpus", Number.POSITIVE_INFINITY],
    ["pids", -1],
    ["pids", 0],
    ["pids", 1.5],
    ["openFiles", 0],
    ["tmp", { bytes: -1, inodes: 1000 }],
    ["tmp", { bytes: MIB, inodes: 0 }],
    ["shm", { bytes: Number.NaN, inodes: 1000 }],
  ];
  for (const [name, value] of unsound) {
    const policy = { ...DEFAULT_POLICY, [name]: value };
    assert.throws(
      () => sandboxContainerSpec(policy, IDENTITY),
      { code: "config_invalid" },
      `${name} = ${value}`,
    );
  }
});

Deno.test("sandboxContainerSpec() refuses file systems that could fill the memory", () => {
  const policy = { ...DEFAULT_POLICY, memoryBytes: 1000 * MIB };
  assert.throws(() => sandboxContainerSpec(policy, IDENTITY), {
    code: "config_invalid",
    message: /1000 MiB[^]*may take 941 MiB, and 128 MiB must remain/,
  });
});
