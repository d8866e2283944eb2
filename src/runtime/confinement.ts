/** How every container of this program is held in: sandboxes and local databases alike. */
import type { ContainerSpec, MountSpec } from "../docker/mod.ts";
import { MASKED_PATHS, READONLY_PATHS } from "./masked_paths.ts";
import { seccompOption, type SeccompProfile } from "./seccomp_profile.ts";

/** The user and group of our images' own files and of every database container. No sandbox has it. */
export const DATABASE_UID = 10001;

/**
 * Parts of the processors while they are short. The server is no container, and has what any process has: 1024. One busy
 * sandbox leaves the database most of the rest, and a dozen leave it half.
 */
export const CPU_SHARES = { database: 512, sandbox: 64 } as const;

/** One tmpfs. */
export interface TmpfsMount {
  /** Where it is in the container, an absolute path. */
  readonly path: string;
  /** The most it can hold; counted in the container's memory as it fills. */
  readonly bytes: number;
  /** Files and folders. */
  readonly inodes: number;
  /** The folder's permissions in octal, such as `0700`; it belongs to the container's user. */
  readonly mode: string;
  /** Whether programs can be run from it. */
  readonly exec: boolean;
}

/** What differs between our containers. */
export interface ConfinedContainer {
  /** The image's name or id. */
  readonly image: string;
  /** What the sweep and the status know it by. */
  readonly labels: Readonly<Record<string, string>>;
  /** Environment variables; never a secret. */
  readonly env: Readonly<Record<string, string>>;
  /** The program of PID 1 and its arguments. */
  readonly command: readonly string[];
  /** Where PID 1 begins, an absolute path. */
  readonly workingDir: string;
  /** A fixed name: the engine's own would tell the container's id. */
  readonly hostname: string;
  /** Which system calls it may make. */
  readonly seccomp: SeccompProfile;
  /** Bytes, tmpfs counted in; there is no swap. */
  readonly memoryBytes: number;
  /** CPUs' worth of time. */
  readonly cpus?: number;
  /** Whose need comes first while processors are short. */
  readonly cpuShares: number;
  /** Processes and threads at a time. */
  readonly pids: number;
  /** Open files a process. */
  readonly openFiles: number;
  /** How soon PID 1 is ended when memory runs out, that of the host or its own: 0 as any program, 1000 before anything else. */
  readonly oomScoreAdj: number;
  /** All that can be written without a volume. */
  readonly tmpfs: readonly TmpfsMount[];
  /** Volumes besides. @default none */
  readonly mounts?: readonly MountSpec[];
  /** The user and group of everything in it. */
  readonly uid: number;
  /** The engine's runtime; without one its default. */
  readonly runtime?: string;
}

/**
 * The engine's description of a confined container: no network, read-only root, no capability, own system call profile, bounded in
 * everything, nothing on the host's disk.
 *
 * @param container What differs.
 */
export function confinedContainer(container: ConfinedContainer): ContainerSpec {
  return {
    Image: container.image,
    // As the entry point, so that the image's own is not put before it.
    Entrypoint: container.command,
    Cmd: [],
    Env: Object.entries(container.env).map(([name, value]) => `${name}=${value}`),
    User: `${container.uid}:${container.uid}`,
    WorkingDir: container.workingDir,
    // Otherwise the engine's id of the container.
    Hostname: container.hostname,
    Labels: container.labels,
    Tty: false,
    OpenStdin: true,
    StdinOnce: false,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    NetworkDisabled: true,
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      AutoRemove: true,
      NetworkMode: "none",
      IpcMode: "private",
      CgroupnsMode: "private",
      ReadonlyRootfs: true,
      Privileged: false,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges:true", seccompOption(container.seccomp)],
      PidsLimit: container.pids,
      Memory: container.memoryBytes,
      MemorySwap: container.memoryBytes,
      ...(container.cpus === undefined ? {} : { NanoCpus: Math.round(container.cpus * 1e9) }),
      CpuShares: container.cpuShares,
      MaskedPaths: MASKED_PATHS,
      ReadonlyPaths: READONLY_PATHS,
      OomScoreAdj: container.oomScoreAdj,
      Ulimits: [
        limit("nofile", container.openFiles),
        limit("core", 0),
        // Message queues would outlive their processes; locked memory cannot be reclaimed when the host runs short.
        limit("msgqueue", 0),
        limit("memlock", 64 * 1024),
      ],
      Tmpfs: Object.fromEntries(container.tmpfs.map((mount) => tmpfsEntry(mount, container.uid))),
      ...(container.mounts === undefined ? {} : { Mounts: container.mounts }),
      LogConfig: { Type: "none" },
      RestartPolicy: { Name: "no" },
      Init: false,
      ...(container.runtime === undefined ? {} : { Runtime: container.runtime }),
    },
  };
}

function limit(name: string, value: number): { Name: string; Soft: number; Hard: number } {
  return { Name: name, Soft: value, Hard: value };
}

function tmpfsEntry({ path, bytes, inodes, mode, exec }: TmpfsMount, uid: number): [string, string] {
  const options = `rw,nosuid,nodev,${
    exec ? "exec" : "noexec"
  },size=${bytes},nr_inodes=${inodes},mode=${mode}`;
  return [path, `${options},uid=${uid},gid=${uid}`];
}
