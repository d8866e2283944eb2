import assert from "node:assert/strict";
import { DEFAULT_POLICY, sandboxContainerSpec, type SandboxPolicy } from "../../../src/sandbox/policy.ts";
import { verifyAttestation } from "../../../src/sandbox/attestation.ts";
import {
  DATABASE_SECCOMP,
  SANDBOX_SECCOMP,
  type SeccompProfile,
} from "../../../src/runtime/seccomp_profile.ts";

const IDENTITY = {
  image: "omcp-python:test",
  uid: 23456,
  labels: { "org.omcp.name": "x" },
  env: { HOME: "/tmp/home", LANG: "C.UTF-8" },
  command: ["python3", "-c", "pass"],
};
const MIB = 1024 * 1024;
const NO_CAPABILITY = "0000000000000000";

Deno.test("sandboxContainerSpec() hardens the container in every respect", () => {
  const spec = sandboxContainerSpec({ ...DEFAULT_POLICY, runtime: "runsc" }, IDENTITY);
  const { SecurityOpt, Tmpfs, MaskedPaths, ReadonlyPaths, ...host } = spec.HostConfig ?? {};
  assert.equal(spec.User, "23456:23456");
  assert.deepEqual([...spec.Entrypoint ?? [], ...spec.Cmd ?? []], IDENTITY.command);
  assert.deepEqual(spec.Env, ["HOME=/tmp/home", "LANG=C.UTF-8"]);
  assert.deepEqual([spec.Tty, spec.OpenStdin, spec.StdinOnce, spec.NetworkDisabled], [
    false,
    true,
    false,
    true,
  ]);
  assert.deepEqual(host, {
    AutoRemove: true,
    NetworkMode: "none",
    IpcMode: "private",
    CgroupnsMode: "private",
    ReadonlyRootfs: true,
    Privileged: false,
    CapDrop: ["ALL"],
    PidsLimit: 256,
    Memory: 2048 * MIB,
    MemorySwap: 2048 * MIB,
    NanoCpus: 1_000_000_000,
    CpuShares: 64,
    OomScoreAdj: 0,
    Ulimits: [
      { Name: "nofile", Soft: 4096, Hard: 4096 },
      { Name: "core", Soft: 0, Hard: 0 },
      { Name: "msgqueue", Soft: 0, Hard: 0 },
      { Name: "memlock", Soft: 65536, Hard: 65536 },
    ],
    LogConfig: { Type: "none" },
    RestartPolicy: { Name: "no" },
    Init: false,
    Runtime: "runsc",
  });
  assert.ok(MaskedPaths?.includes("/proc/pressure") && MaskedPaths.includes("/proc/kcore"));
  assert.ok(ReadonlyPaths?.includes("/proc/sys"));
  assert.equal(SecurityOpt?.[0], "no-new-privileges:true");
  assert.deepEqual(JSON.parse(SecurityOpt?.[1]?.replace(/^seccomp=/, "") ?? ""), SANDBOX_SECCOMP);
  assert.deepEqual(Object.keys(Tmpfs ?? {}), ["/workspace", "/tmp", "/run", "/dev/shm"]);
  assert.equal(
    Tmpfs?.["/workspace"],
    "rw,nosuid,nodev,exec,size=536870912,nr_inodes=65536,mode=0700,uid=23456,gid=23456",
  );
  assert.match(Tmpfs?.["/tmp"] ?? "", /^rw,nosuid,nodev,noexec,size=268435456,/);
});

Deno.test("sandboxContainerSpec() refuses numbers that bound nothing", () => {
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

/** What the agent of a sandbox that is confined as it should be reports. */
function report(): Record<string, unknown> {
  return {
    uid: 23456,
    gid: 23456,
    groups: [23456],
    user_ids: [23456, 23456, 23456, 23456],
    group_ids: [23456, 23456, 23456, 23456],
    capabilities: {
      effective: NO_CAPABILITY,
      permitted: NO_CAPABILITY,
      inheritable: NO_CAPABILITY,
      bounding: NO_CAPABILITY,
      ambient: NO_CAPABILITY,
    },
    no_new_privs: true,
    seccomp: 2,
    dumpable: false,
    interfaces: ["lo"],
    root_read_only: true,
    writable_mounts: ["/dev/mqueue", "/dev/shm", "/proc/keys", "/run", "/tmp", "/workspace"],
    limits: { memory_bytes: 2048 * MIB, swap_bytes: 0, pids_max: 256, cpu_quota: 1 },
  };
}

function deviations(change: Record<string, unknown>): string[] {
  return verifyAttestation(DEFAULT_POLICY, 23456, { protocol: 1, attestation: { ...report(), ...change } });
}

Deno.test("verifyAttestation() finds nothing wrong where all is in force", () => {
  assert.deepEqual(deviations({}), []);
  assert.deepEqual(deviations({ groups: [], interfaces: [] }), []);
});

Deno.test("verifyAttestation() names every single deviation", () => {
  const { capabilities, limits } = { capabilities: report()["capabilities"], limits: report()["limits"] };
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ uid: 0 }, /^the uid is 0 instead of 23456$/],
    [{ gid: 0 }, /^the gid is 0/],
    [{ groups: [23456, 999] }, /^there are other groups: 999$/],
    ...["real", "effective", "saved", "file system"].flatMap((name, at): typeof cases => {
      const ids = Array.from({ length: 4 }, (_, index) => index === at ? 10001 : 23456);
      return [
        [{ user_ids: ids }, new RegExp(`^the ${name} user id is 10001 instead of 23456$`)],
        [{ group_ids: ids }, new RegExp(`^the ${name} group id is 10001 instead of 23456$`)],
      ];
    }),
    [{ no_new_privs: false }, /^no-new-privileges is off$/],
    [{ seccomp: 0 }, /^the seccomp mode is 0 instead of 2$/],
    [{ seccomp: null }, /^the seccomp mode is null/],
    [{ dumpable: true }, /memory can be read/],
    [{ interfaces: ["eth0", "lo"] }, /^there are network interfaces: eth0$/],
    [{ root_read_only: false }, /^the root file system can be written to$/],
    [{ writable_mounts: ["/data", "/dev/shm", "/run", "/tmp", "/workspace"] }, /^\/data can be written to$/],
    [{ writable_mounts: ["/dev/shm", "/run", "/tmp"] }, /^\/workspace is no file system of its own/],
    ...["effective", "permitted", "inheritable", "bounding", "ambient"].flatMap((set): typeof cases => [
      [
        { capabilities: { ...Object(capabilities), [set]: "00000000a80425fb" } },
        new RegExp(`^the ${set} capabilities are 0`),
      ],
      [
        { capabilities: { ...Object(capabilities), [set]: null } },
        new RegExp(`^the ${set} capabilities are not known$`),
      ],
    ]),
    [
      { limits: { ...Object(limits), memory_bytes: null } },
      /^the memory limit is none instead of 2147483648 bytes$/,
    ],
    [{ limits: { ...Object(limits), memory_bytes: 4096 * MIB } }, /^the memory limit is 4294967296/],
    [{ limits: { ...Object(limits), swap_bytes: 1024 } }, /^1024 bytes of swap can be used$/],
    [{ limits: { ...Object(limits), pids_max: null } }, /^the process limit is none instead of 256$/],
    [{ limits: { ...Object(limits), cpu_quota: 2 } }, /^the CPU quota is 2 instead of 1$/],
    [{ limits: { ...Object(limits), cpu_quota: null } }, /^the CPU quota is none/],
  ];
  for (const [change, expected] of cases) {
    const found = deviations(change);
    assert.equal(found.length, 1, JSON.stringify(change));
    assert.match(found[0] ?? "", expected);
  }
  assert.equal(deviations({ uid: 0, seccomp: 0, root_read_only: false }).length, 3);
});

Deno.test("verifyAttestation() does not mind an engine that cannot show swap", () => {
  assert.deepEqual(deviations({ limits: { ...Object(report()["limits"]), swap_bytes: null } }), []);
});

Deno.test("verifyAttestation() takes a report that is none as unsafe", () => {
  for (const hello of [undefined, null, {}, "x", { attestation: null }, { attestation: { uid: 23456 } }]) {
    assert.equal(verifyAttestation(DEFAULT_POLICY, 23456, hello).length, 1, JSON.stringify(hello));
  }
});

/** What a profile does with a call that no argument filter concerns. */
function verdict(profile: SeccompProfile, name: string): string {
  const rule = profile.syscalls.find((rule) => rule.names.includes(name));
  if (rule === undefined) return "EPERM";
  if (rule.action === "SCMP_ACT_ERRNO") return `errno ${rule.errnoRet}`;
  return rule.args === undefined ? "allowed" : "by argument";
}

Deno.test("the seccomp profiles deny by default and name each call in one verdict", () => {
  for (const profile of [SANDBOX_SECCOMP, DATABASE_SECCOMP]) {
    assert.equal(profile.defaultAction, "SCMP_ACT_ERRNO");
    const plain = profile.syscalls.filter((rule) => rule.args === undefined).flatMap((rule) => rule.names);
    assert.deepEqual(plain.filter((name, index) => plain.indexOf(name) !== index), []);
    const dangerous = [
      "bpf",
      "keyctl",
      "mount",
      "open_by_handle_at",
      "perf_event_open",
      "ptrace",
      "setns",
      "unshare",
    ];
    for (const name of dangerous) assert.equal(verdict(profile, name), "EPERM", name);
    for (const name of ["io_uring_setup", "clone3"]) assert.equal(verdict(profile, name), "errno 38", name);
    for (const name of ["socket", "socketpair", "clone", "mknod", "mknodat"]) {
      assert.equal(verdict(profile, name), "by argument", name);
    }
  }
  assert.equal(verdict(SANDBOX_SECCOMP, "shmget"), "EPERM");
  assert.equal(verdict(DATABASE_SECCOMP, "shmget"), "allowed");
});
