import assert from "node:assert/strict";
import { createContainerRequest } from "../../../../src/runtime/docker/mod.ts";
import { confinement, type ContainerSpec, SANDBOX_SECCOMP } from "../../../../src/runtime/mod.ts";

const MIB = 1024 * 1024;

const SPEC: ContainerSpec = {
  image: "omcp-python:test",
  command: ["python3", "-c", "pass"],
  workingDir: "/workspace",
  hostname: "sandbox",
  env: { HOME: "/tmp/home", LANG: "C.UTF-8" },
  labels: { "org.omcp.name": "x" },
  confinement: confinement(23456, SANDBOX_SECCOMP),
  limits: {
    memoryBytes: 2048 * MIB,
    cpus: 1,
    cpuShares: 64,
    pids: 256,
    userProcesses: 255,
    openFiles: 4096,
    oomScoreAdj: 0,
  },
  tmpfs: [
    { path: "/workspace", bytes: 512 * MIB, inodes: 65_536, mode: "0700", exec: true },
    { path: "/tmp", bytes: 256 * MIB, inodes: 32_768, mode: "1777", exec: false },
  ],
};

Deno.test("createContainerRequest() confines the container in every respect", () => {
  const { HostConfig = {}, ...request } = createContainerRequest({ ...SPEC, ociRuntime: "runsc" });
  assert.deepEqual(request, {
    Image: "omcp-python:test",
    Entrypoint: ["python3", "-c", "pass"],
    Cmd: [],
    Env: ["HOME=/tmp/home", "LANG=C.UTF-8"],
    User: "23456:23456",
    WorkingDir: "/workspace",
    Hostname: "sandbox",
    Labels: { "org.omcp.name": "x" },
    Tty: false,
    OpenStdin: true,
    StdinOnce: false,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    NetworkDisabled: true,
    Healthcheck: { Test: ["NONE"] },
  });
  const { SecurityOpt, MaskedPaths, ReadonlyPaths, ...host } = HostConfig;
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
    CpuPeriod: 10_000,
    CpuQuota: 10_000,
    CpuShares: 64,
    OomScoreAdj: 0,
    Ulimits: [
      { Name: "nofile", Soft: 4096, Hard: 4096 },
      { Name: "core", Soft: 0, Hard: 0 },
      { Name: "msgqueue", Soft: 0, Hard: 0 },
      { Name: "memlock", Soft: 65536, Hard: 65536 },
      { Name: "nproc", Soft: 255, Hard: 255 },
    ],
    Tmpfs: {
      "/workspace": "rw,nosuid,nodev,exec,size=536870912,nr_inodes=65536,mode=0700,uid=23456,gid=23456",
      "/tmp": "rw,nosuid,nodev,noexec,size=268435456,nr_inodes=32768,mode=1777,uid=23456,gid=23456",
    },
    LogConfig: { Type: "none" },
    RestartPolicy: { Name: "no" },
    Init: false,
    Runtime: "runsc",
  });
  assert.equal(MaskedPaths, SPEC.confinement.maskedPaths);
  assert.equal(ReadonlyPaths, SPEC.confinement.readOnlyPaths);
  assert.equal(SecurityOpt?.[0], "no-new-privileges:true");
});

Deno.test("createContainerRequest() translates volumes, a process's memory limit, and a stdin that ends", () => {
  const { cpus: _, ...limits } = SPEC.limits;
  const { HostConfig, StdinOnce } = createContainerRequest({
    ...SPEC,
    limits: { ...limits, processBytes: MIB },
    volumes: [{ volume: "omcp-cdm-x", path: "/data" }],
    stdin: "ends-with-attach",
  });
  assert.equal(StdinOnce, true);
  assert.deepEqual(HostConfig?.Mounts, [{ Type: "volume", Source: "omcp-cdm-x", Target: "/data" }]);
  assert.deepEqual(HostConfig?.Ulimits?.at(-1), { Name: "data", Soft: MIB, Hard: MIB });
  assert.deepEqual([HostConfig?.CpuPeriod, HostConfig?.CpuQuota], [undefined, undefined]);
});

Deno.test("createContainerRequest() limits processor time in periods of 10 ms, in longer ones only where Linux needs them", () => {
  const quota = (cpus: number): unknown => {
    const { HostConfig } = createContainerRequest({ ...SPEC, limits: { ...SPEC.limits, cpus } });
    return [HostConfig?.CpuPeriod, HostConfig?.CpuQuota];
  };
  assert.deepEqual(quota(64), [10_000, 640_000]);
  assert.deepEqual(quota(1.5), [10_000, 15_000]);
  assert.deepEqual(quota(1 / 3), [10_000, 3_333]);
  assert.deepEqual(quota(0.1), [10_000, 1_000]);
  // Linux accepts no quota below 1 ms, and no period beyond 1 s.
  assert.deepEqual(quota(0.07), [14_286, 1_000]);
  assert.deepEqual(quota(0.05), [20_000, 1_000]);
  assert.deepEqual(quota(0.01), [100_000, 1_000]);
  assert.deepEqual(quota(0.001), [1_000_000, 1_000]);
});

Deno.test("createContainerRequest() mounts a folder of the machine read-only, and never creates it", () => {
  const readOnlyFolders = [{ source: "/srv/omop", path: "/data/omop" }];
  const volumes = [{ volume: "v", path: "/v" }];
  assert.deepEqual(createContainerRequest({ ...SPEC, readOnlyFolders, volumes }).HostConfig?.Mounts, [
    { Type: "volume", Source: "v", Target: "/v" },
    {
      Type: "bind",
      Source: "/srv/omop",
      Target: "/data/omop",
      ReadOnly: true,
      BindOptions: { Propagation: "rprivate" },
    },
  ]);
  assert.equal(createContainerRequest(SPEC).HostConfig?.Mounts, undefined);
});

Deno.test("createContainerRequest() joins a network only where the specification names one", () => {
  const { NetworkDisabled, HostConfig } = createContainerRequest({ ...SPEC, network: "bridge" });
  assert.deepEqual([NetworkDisabled, HostConfig?.NetworkMode], [false, "bridge"]);
});

Deno.test("a seccomp profile becomes Docker's: denied by default, masks and architectures in Docker's terms", () => {
  const option = createContainerRequest(SPEC).HostConfig?.SecurityOpt?.[1] ?? "";
  assert.match(option, /^seccomp=/);
  const { defaultAction, archMap, syscalls } = JSON.parse(option.replace(/^seccomp=/, ""));
  assert.equal(defaultAction, "SCMP_ACT_ERRNO");
  assert.deepEqual(archMap, [
    { architecture: "SCMP_ARCH_X86_64", subArchitectures: [] },
    { architecture: "SCMP_ARCH_AARCH64", subArchitectures: [] },
  ]);
  const [plain, socket, clone, mknod, mknodat, ...rest] = syscalls;
  assert.deepEqual(Object.keys(plain), ["names", "action"]);
  assert.deepEqual(socket, {
    names: ["socket", "socketpair"],
    action: "SCMP_ACT_ALLOW",
    args: [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }],
  });
  assert.deepEqual(clone.args, [{ index: 0, value: 0x7e020000, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }]);
  assert.deepEqual([mknod.includes, mknodat.includes], [{ arches: ["amd64"] }, undefined]);
  const { names, ...absent } = rest.at(-1);
  assert.ok(names.includes("io_uring_setup"));
  assert.deepEqual(absent, { action: "SCMP_ACT_TRACE" }, "ENOSYS, in gVisor too");
});
