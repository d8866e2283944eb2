import assert from "node:assert/strict";
import {
  confinement,
  type ContainerSpec,
  SANDBOX_SECCOMP,
  verifyAttestation,
  verifyOciRuntime,
} from "../../../src/runtime/mod.ts";

const MIB = 1024 * 1024;
const NO_CAPABILITY = "0000000000000000";

const SPEC: ContainerSpec = {
  image: "omcp-python:test",
  command: ["python3", "-c", "pass"],
  workingDir: "/workspace",
  hostname: "sandbox",
  env: {},
  labels: {},
  confinement: confinement(23456, SANDBOX_SECCOMP),
  limits: { memoryBytes: 2048 * MIB, cpus: 1, cpuShares: 64, pids: 256, openFiles: 4096, oomScoreAdj: 0 },
  tmpfs: ["/workspace", "/tmp", "/run", "/dev/shm"].map((path) => ({
    path,
    bytes: MIB,
    inodes: 100,
    mode: "0700",
    exec: false,
  })),
};

/** As in a container of Docker's, masked and cgroup files among them. */
const READ_ONLY = [
  "/",
  "/etc/hostname",
  "/etc/hosts",
  "/etc/resolv.conf",
  "/proc/acpi",
  "/sys",
  "/sys/fs/cgroup/pids",
];
const WRITABLE = ["/dev", "/dev/mqueue", "/dev/shm", "/proc", "/proc/keys", "/run", "/tmp", "/workspace"];
const MOUNTS = Object.fromEntries([
  ...READ_ONLY.map((path) => [path, true] as const),
  ...WRITABLE.map((path) => [path, false] as const),
]);

/** The attestation of a sandbox that is confined as specified. */
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
    descriptors_open: false,
    interfaces: ["lo"],
    root_read_only: true,
    mounts: MOUNTS,
    writable_mounts: ["/dev/mqueue", "/dev/shm", "/proc/keys", "/run", "/tmp", "/workspace"],
    limits: { memory_bytes: 2048 * MIB, swap_bytes: 0, pids_max: 256, user_processes: 256, cpu_quota: 1 },
  };
}

function deviations(change: Record<string, unknown>): string[] {
  return verifyAttestation(SPEC, { protocol: 1, attestation: { ...report(), ...change } });
}

Deno.test("verifyAttestation() finds no deviation in a container that is confined as specified", () => {
  assert.deepEqual(deviations({}), []);
  assert.deepEqual(deviations({ groups: [], interfaces: [] }), []);
});

Deno.test("verifyAttestation() expects interfaces only where the specification names a network, and checks the rest there, too", () => {
  const attestation = { ...report(), interfaces: ["eth0", "lo"] };
  assert.equal(verifyAttestation(SPEC, { attestation }).length, 1);
  assert.deepEqual(verifyAttestation({ ...SPEC, network: "bridge" }, { attestation }), []);
  assert.equal(
    verifyAttestation({ ...SPEC, network: "bridge" }, { attestation: { ...attestation, seccomp: 0 } }).length,
    1,
  );
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
    [{ dumpable: true }, /can read the agent's memory$/],
    [{ descriptors_open: true }, /^other processes can open the agent's channel to the server$/],
    [{ interfaces: ["eth0", "lo"] }, /^there are network interfaces: eth0$/],
    [{ root_read_only: false }, /^the root file system is writable$/],
    [{ writable_mounts: ["/data", "/dev/shm", "/run", "/tmp", "/workspace"] }, /^\/data is writable$/],
    [{ writable_mounts: ["/dev/shm", "/run", "/tmp"] }, /^\/workspace is not a writable mount$/],
    ...["effective", "permitted", "inheritable", "bounding", "ambient"].flatMap((set): typeof cases => [
      [
        { capabilities: { ...Object(capabilities), [set]: "00000000a80425fb" } },
        new RegExp(`^the ${set} capabilities are 0`),
      ],
      [
        { capabilities: { ...Object(capabilities), [set]: null } },
        new RegExp(`^the ${set} capabilities are unknown$`),
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

Deno.test("verifyAttestation() accepts a kernel that does not account for swap", () => {
  assert.deepEqual(deviations({ limits: { ...Object(report()["limits"]), swap_bytes: null } }), []);
});

Deno.test("verifyAttestation() takes an invalid attestation as unsafe", () => {
  for (const hello of [undefined, null, {}, "x", { attestation: null }, { attestation: { uid: 23456 } }]) {
    assert.equal(verifyAttestation(SPEC, hello).length, 1, JSON.stringify(hello));
  }
});

Deno.test("verifyAttestation() expects a container's volumes, and no CPU quota where none is specified", () => {
  const { cpus: _, ...limits } = SPEC.limits;
  const spec = { ...SPEC, limits, volumes: [{ volume: "omcp-cdm-x", path: "/data" }] };
  const facts = report();
  const unlimited = { ...Object(facts["limits"]), cpu_quota: null };
  const writable_mounts = ["/data", "/dev/shm", "/run", "/tmp", "/workspace"];
  assert.deepEqual(
    verifyAttestation(spec, { attestation: { ...facts, writable_mounts, limits: unlimited } }),
    [],
  );
  assert.deepEqual(verifyAttestation(spec, { attestation: facts }), ["/data is not a writable mount"]);
});

Deno.test("verifyAttestation() expects a folder of the machine to be mounted read-only, with all mounts inside it", () => {
  const spec = { ...SPEC, readOnlyFolders: [{ source: "/srv/x", path: "/data/x" }] };
  function found(...mounts: readonly (readonly [path: string, readOnly: boolean])[]): string[] {
    const more = Object.fromEntries(mounts);
    return verifyAttestation(spec, { attestation: { ...report(), mounts: { ...MOUNTS, ...more } } });
  }
  assert.deepEqual(found(["/data/x", true]), []);
  assert.deepEqual(found(["/data/x", true], ["/data/x/sub", true]), []);
  assert.deepEqual(found(), ["/data/x is not mounted"]);
  assert.deepEqual(found(["/data/x", false]), ["/data/x is not mounted read-only"]);
  assert.deepEqual(found(["/data/x", true], ["/data/x/sub", false]), [
    "/data/x/sub is a mount inside the folder /data/x and not read-only: mount it read-only on the machine",
  ]);
  assert.deepEqual(found(["/data/x", true], ["/data/xy", true]), [
    "/data/xy is mounted, which was not asked for",
  ]);
});

Deno.test("verifyAttestation() refuses a mount that was not asked for, although it cannot be written to", () => {
  for (const path of ["/data/x", "/host", "/etc/passwd", "/workspace/x"]) {
    const mounts = { ...MOUNTS, [path]: true };
    assert.deepEqual(deviations({ mounts }), [`${path} is mounted, which was not asked for`]);
  }
});

Deno.test("verifyOciRuntime() finds another OCI runtime than the specified one, and an unknown one", () => {
  const spec = { ociRuntime: "runsc" };
  assert.deepEqual(verifyOciRuntime(spec, { ociRuntime: "runsc" }), []);
  assert.deepEqual(verifyOciRuntime(spec, { ociRuntime: "runc" }), [
    "the OCI runtime is runc instead of runsc",
  ]);
  assert.deepEqual(verifyOciRuntime(spec, { ociRuntime: "" }), [
    "the OCI runtime is unknown instead of runsc",
  ]);
  assert.deepEqual(verifyOciRuntime({}, { ociRuntime: "crun" }), [], "the engine chooses");
});

Deno.test("verifyAttestation() accepts a process limit of the user instead of the container's only if it is specified and the container has none", () => {
  const { limits } = SPEC;
  function found(
    spec: Partial<ContainerSpec["limits"]>,
    pids_max: number | null,
    user_processes: number | null,
  ) {
    const { limits: attested } = report();
    const attestation = { ...report(), limits: { ...Object(attested), pids_max, user_processes } };
    return verifyAttestation({ ...SPEC, limits: { ...limits, ...spec } }, { attestation });
  }
  assert.deepEqual(found({ userProcesses: 256 }, null, 256), []);
  assert.deepEqual(found({ userProcesses: 256 }, null, 257), [
    "the process limit is none instead of 256, and that of the user 257 instead of 256",
  ]);
  assert.deepEqual(found({ userProcesses: 256 }, null, null), [
    "the process limit is none instead of 256, and that of the user none instead of 256",
  ]);
  assert.deepEqual(found({ userProcesses: 256 }, 255, 256), ["the process limit is 255 instead of 256"]);
  assert.deepEqual(found({}, null, 256), ["the process limit is none instead of 256"]);
});
