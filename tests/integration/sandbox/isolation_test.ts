/** Checks a sandbox's container from inside, without the agent: the engine's confinement must suffice by itself. */
import assert from "node:assert/strict";
import * as z from "zod";
import { DEFAULT_POLICY, TMPFS_MOUNTS } from "../../../src/sandbox/mod.ts";
import { TEST_POLICY } from "../../fixtures/oci_runtime.ts";
import inForce from "../../../src/guest/agent/attestation.py" with { type: "text" };
import type { CreateContainerRequest, HostConfigSpec, MountSpec } from "../../../src/docker/mod.ts";
import {
  DATABASE_SECCOMP,
  DATABASE_UID,
  SANDBOX_SECCOMP,
  verifyAttestation,
} from "../../../src/runtime/mod.ts";
import { imageReference } from "../../../src/images/identity.ts";
import { withPublicFolder } from "../../fixtures/dataset_folder.ts";
import foreignCalls from "./foreign_calls.py" with { type: "text" };
import libraries from "./libraries.py" with { type: "text" };
import { confinedSpec, runConfined, TEST_UID } from "./run_confined.ts";
import sockets from "./sockets.py" with { type: "text" };
import startPostgres from "./start_postgres.py" with { type: "text" };
import surroundings from "./surroundings.py" with { type: "text" };
import syscalls from "./syscalls.py" with { type: "text" };

/** An operator can test an image of their own. */
const PYTHON = Deno.env.get("OMCP_IMAGE") ?? imageReference("python");
const POSTGRES = imageReference("postgres");
const Outcomes = z.record(z.string(), z.string());

/** A tmpfs keeps an inode or two and a page or so for itself. */
const INODE_SLACK = 8;

Deno.test("a sandbox's container lets every promised library work", async () => {
  const found = await runConfined({ image: PYTHON, program: libraries }, Outcomes);
  assert.ok(Object.keys(found).length >= 14);
  assert.deepEqual(Object.entries(found).filter(([, outcome]) => outcome !== "ok"), []);
});

Deno.test("a sandbox's container refuses the system calls that open the kernel", async () => {
  const found = await runConfined({ image: PYTHON, program: syscalls }, Outcomes);
  assert.ok(Object.keys(found).length > 60);
  assert.deepEqual(Object.entries(found).filter(([, outcome]) => !["EPERM", "ENOSYS"].includes(outcome)), []);
  for (const name of ["clone3", "io_uring_setup", "inotify_init1"]) assert.equal(found[name], "ENOSYS", name);
  for (const name of ["mount", "bpf", "keyctl", "ptrace(TRACEME)", "shmget"]) {
    assert.equal(found[name], "EPERM", name);
  }
});

Deno.test("a sandbox's container refuses system calls by another architecture's numbers", async () => {
  const found = await runConfined({ image: PYTHON, program: foreignCalls }, Outcomes);
  const refused = ["SIGSYS", "ENOSYS", "EPERM"];
  assert.deepEqual(Object.entries(found).filter(([, end]) => !refused.includes(end)), []);
  assert.equal(Object.keys(found).length, Deno.build.arch === "x86_64" ? 2 : 0);
});

Deno.test("a sandbox's container has no socket but AF_UNIX, and reaches nothing", async () => {
  const schema = z.object({ families: Outcomes, reach: Outcomes });
  const { families, reach } = await runConfined({ image: PYTHON, program: sockets }, schema);
  assert.ok(Object.keys(families).length > 200);
  assert.deepEqual([...new Set(Object.values(families))], ["EPERM"]);
  const { name, ...others } = reach;
  assert.deepEqual(others, {
    connect: "EPERM",
    metadata: "EPERM",
    socketpair: "worked: True",
    engine: "ENOENT",
    interfaces: "lo",
  });
  assert.match(name ?? "", /^gaierror/);
});

const Filled = z.object({ bytes: z.number(), error: z.string().nullable() });
const Surroundings = z.object({
  ids: z.tuple([z.array(z.number()), z.array(z.number()), z.array(z.number())]),
  status: Outcomes,
  writable_folders: z.array(z.string()),
  writable_files: z.array(z.string()),
  setuid_files: z.array(z.string()),
  denied: Outcomes,
  fill: z.record(z.string(), Filled),
  inodes: z.record(z.string(), z.object({ inodes: z.number(), error: z.string().nullable() })),
  executable: Outcomes,
  hostname: z.string(),
  environment: z.array(z.string()),
  processes: z.array(z.number()),
  disks: z.array(z.string()),
});

Deno.test("a sandbox's container gives no privilege, and nothing to write to but its bounded file systems", async () => {
  const found = await runConfined({ image: PYTHON, program: surroundings }, Surroundings);
  const self = Array.from({ length: 3 }, () => TEST_UID);
  assert.deepEqual(found.ids, [self, self, [TEST_UID]]);
  const none = "0".repeat(16);
  assert.deepEqual(found.status, {
    CapInh: none,
    CapPrm: none,
    CapEff: none,
    CapBnd: none,
    CapAmb: none,
    NoNewPrivs: "1",
    Seccomp: "2",
  });
  assert.deepEqual(found.writable_folders, []);
  assert.deepEqual(found.writable_files, []);
  assert.deepEqual(found.setuid_files, []);
  // In gVisor it has no effect on the machine, nor inside.
  const { "oom score": oomScore, ...denied } = found.denied;
  if (TEST_POLICY.ociRuntime !== "runsc") assert.notEqual(oomScore, "worked");
  assert.deepEqual(Object.entries(denied).filter(([, outcome]) => outcome === "worked"), []);
  for (const { path, size, exec } of TMPFS_MOUNTS) {
    const { bytes, inodes } = DEFAULT_POLICY[size];
    assert.equal(found.fill[path]?.error, "ENOSPC", path);
    assert.ok((found.fill[path]?.bytes ?? 0) <= bytes, path);
    // gVisor counts no inodes; the container's memory bounds them.
    if (TEST_POLICY.ociRuntime !== "runsc") {
      assert.equal(found.inodes[path]?.error, "ENOSPC", path);
      assert.ok(Math.abs((found.inodes[path]?.inodes ?? 0) - inodes) <= INODE_SLACK, path);
    }
    assert.equal(found.executable[path], exec ? "worked" : "EACCES", path);
  }
  assert.equal(found.hostname, "sandbox");
  assert.deepEqual(found.processes, [1]);
  assert.deepEqual(found.disks, []);
  assert.deepEqual(found.environment.filter((name) => /pass|secret|token|key|docker|url/i.test(name)), []);
});

/** The agent's attestation, without the agent: only the agent knows that it made itself undumpable. */
const REPORT = `${inForce}\nimport json\nprint(json.dumps({"attestation": attestation(False, False)}))\n`;

const BRIDGE: [HostConfigSpec, Partial<CreateContainerRequest>, RegExp] = [
  { NetworkMode: "bridge" },
  { NetworkDisabled: false },
  /^there are network interfaces: eth0$/,
];

async function deviations(
  hostConfig: HostConfigSpec,
  request: Partial<CreateContainerRequest> = {},
): Promise<string> {
  const options = { image: PYTHON, program: REPORT };
  const hello = await runConfined({ ...options, hostConfig, request }, z.unknown());
  return verifyAttestation(confinedSpec(options, "test"), hello).join("\n");
}

Deno.test("verifyAttestation() accepts a sandbox's container, and no weaker one", async () => {
  assert.equal(await deviations({}), "");
  assert.equal(await deviations({ PidsLimit: 0 }), "", "the limit of its user's processes holds");
  const weaker: [HostConfigSpec, Partial<CreateContainerRequest>, RegExp][] = [
    [{ CapDrop: [] }, {}, /^the bounding capabilities are [0-9a-f]+ instead of none$/],
    [{ SecurityOpt: [] }, {}, /^no-new-privileges is off$/],
    [
      { SecurityOpt: ["no-new-privileges:true", "seccomp=unconfined"] },
      {},
      /^the seccomp mode is 0 instead of 2$/,
    ],
    // gVisor with --network=none gives none.
    ...(TEST_POLICY.ociRuntime === "runsc" ? [] : [BRIDGE]),
    [{ ReadonlyRootfs: false }, {}, /^the root file system is writable$/m],
    [{ Tmpfs: {} }, {}, /^\/workspace is not a writable mount$/m],
    [
      { Memory: 1 << 30, MemorySwap: 1 << 30 },
      {},
      /^the memory limit is 1073741824 instead of 2147483648 bytes$/,
    ],
    [
      { PidsLimit: 0, Ulimits: [] },
      {},
      /^the process limit is none instead of 256, and that of the user (?:none|\d+) instead of 256$/,
    ],
    [{ CpuQuota: 0 }, {}, /^the CPU quota is none instead of 1$/],
    [{ CpuQuota: 20_000 }, {}, /^the CPU quota is 2 instead of 1$/],
    [{}, { User: "0:0" }, /^the real user id is 0 instead of 60001$/m],
    [{}, { User: "60001:20000" }, /^the saved group id is 20000 instead of 60001$/m],
  ];
  for (const [hostConfig, request, expected] of weaker) {
    assert.match(await deviations(hostConfig, request), expected);
  }
});

Deno.test("verifyAttestation() accepts a dataset only if it is mounted read-only, with all mounts in it, and nothing else is", async () => {
  await withPublicFolder(async (folder) => {
    await Deno.mkdir(`${folder}/sub`);
    const policy = { ...TEST_POLICY, datasets: [{ name: "x", folder }] };
    const options = { image: PYTHON, program: REPORT, policy };
    async function mounted(...Mounts: readonly MountSpec[]): Promise<string> {
      const hello = await runConfined({ ...options, hostConfig: { Mounts } }, z.unknown());
      return verifyAttestation(confinedSpec(options, "test"), hello).join("\n");
    }
    function bind(Target: string, ReadOnly: boolean): MountSpec {
      return { Type: "bind", Source: folder, Target, ReadOnly };
    }
    const dataset = bind("/data/x", true);
    assert.equal(await mounted(dataset), "");
    assert.equal(await mounted(), "/data/x is not mounted");
    assert.equal(await mounted(bind("/data/x", false)), "/data/x is not mounted read-only");
    assert.match(
      await mounted(dataset, bind("/data/x/sub", false)),
      /^\/data\/x\/sub is a mount inside the folder/,
    );
    assert.equal(await mounted(dataset, bind("/data/x/sub", true)), "");
    assert.equal(
      await mounted(dataset, bind("/srv/other", true)),
      "/srv/other is mounted, which was not asked for",
    );
  });
});

const PostgresRun = z.object({ answer: z.string(), exit_code: z.number(), log: z.string() });

Deno.test("PostgreSQL works under the database's profile, with parallel workers", async () => {
  const options = {
    image: POSTGRES,
    program: startPostgres,
    uid: DATABASE_UID,
    seccomp: DATABASE_SECCOMP,
  };
  const { answer, exit_code, log } = await runConfined(options, PostgresRun);
  assert.match(answer, /persons: [1-9]\d*/, log);
  assert.match(answer, /CHECKPOINT/);
  assert.equal(exit_code, 0, log);
});

Deno.test("PostgreSQL does not start under a sandbox's profile, which has no System V shared memory", async () => {
  const options = {
    image: POSTGRES,
    program: startPostgres,
    uid: DATABASE_UID,
    seccomp: SANDBOX_SECCOMP,
  };
  const { log } = await runConfined(options, PostgresRun);
  assert.match(log, /shared memory segment: Operation not permitted/);
});
