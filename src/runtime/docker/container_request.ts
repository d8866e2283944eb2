/** Translates a container's specification into the Engine API's JSON (`POST /containers/create`). */
import type { CreateContainerRequest, MountSpec, UlimitSpec } from "../../docker/mod.ts";
import type { ContainerSpec, TmpfsMount } from "../mod.ts";
import { cpuQuota } from "./cpu_quota.ts";
import { seccompOption } from "./seccomp.ts";

/** Bytes of memory that a process may lock: the kernel cannot reclaim it when the machine runs short. */
const MEMLOCK_BYTES = 64 * 1024;

/**
 * The Engine's description of a container: no network unless its specification names one, read-only root, no capability, own system
 * call profile, bounded in everything, nothing on the machine's disk.
 *
 * @param spec The container.
 */
export function createContainerRequest(spec: ContainerSpec): CreateContainerRequest {
  const { confinement: { uid, seccomp, maskedPaths, readOnlyPaths }, limits } = spec;
  return {
    Image: spec.image,
    // As the entry point, so that the image's own does not precede it.
    Entrypoint: spec.command,
    Cmd: [],
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    User: `${uid}:${uid}`,
    WorkingDir: spec.workingDir,
    Hostname: spec.hostname,
    Labels: spec.labels,
    Tty: false,
    OpenStdin: true,
    StdinOnce: spec.stdin === "ends-with-attach",
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    NetworkDisabled: spec.network === undefined,
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      AutoRemove: true,
      NetworkMode: spec.network ?? "none",
      IpcMode: "private",
      CgroupnsMode: "private",
      ReadonlyRootfs: true,
      Privileged: false,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges:true", seccompOption(seccomp)],
      PidsLimit: limits.pids,
      Memory: limits.memoryBytes,
      MemorySwap: limits.memoryBytes,
      ...(limits.cpus === undefined ? {} : cpuQuota(limits.cpus)),
      CpuShares: limits.cpuShares,
      MaskedPaths: maskedPaths,
      ReadonlyPaths: readOnlyPaths,
      OomScoreAdj: limits.oomScoreAdj,
      Ulimits: [
        ulimit("nofile", limits.openFiles),
        ulimit("core", 0),
        // A POSIX message queue would outlive its processes.
        ulimit("msgqueue", 0),
        ulimit("memlock", MEMLOCK_BYTES),
        ...(limits.userProcesses === undefined ? [] : [ulimit("nproc", limits.userProcesses)]),
        ...(limits.processBytes === undefined ? [] : [ulimit("data", limits.processBytes)]),
      ],
      Tmpfs: Object.fromEntries(spec.tmpfs.map((mount) => tmpfsEntry(mount, uid))),
      ...mounts(spec),
      LogConfig: { Type: "none" },
      RestartPolicy: { Name: "no" },
      Init: false,
      ...(spec.ociRuntime === undefined ? {} : { Runtime: spec.ociRuntime }),
    },
  };
}

function mounts({ volumes = [], readOnlyFolders = [] }: ContainerSpec): { readonly Mounts?: MountSpec[] } {
  const found: MountSpec[] = [
    ...volumes.map(({ volume, path }): MountSpec => ({ Type: "volume", Source: volume, Target: path })),
    // In `Mounts`, unlike `Binds`, a source that does not exist is an error and is not created.
    ...readOnlyFolders.map(({ source, path }): MountSpec => ({
      Type: "bind",
      Source: source,
      Target: path,
      ReadOnly: true,
      BindOptions: { Propagation: "rprivate" },
    })),
  ];
  return found.length === 0 ? {} : { Mounts: found };
}

function ulimit(name: string, value: number): UlimitSpec {
  return { Name: name, Soft: value, Hard: value };
}

function tmpfsEntry({ path, bytes, inodes, mode, exec }: TmpfsMount, uid: number): [string, string] {
  const options = `rw,nosuid,nodev,${
    exec ? "exec" : "noexec"
  },size=${bytes},nr_inodes=${inodes},mode=${mode}`;
  return [path, `${options},uid=${uid},gid=${uid}`];
}
