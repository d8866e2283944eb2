/** What a sandbox may use, and the container that follows from it. */
import { OmcpError } from "../errors.ts";
import { confinement, type ContainerSpec, CPU_SHARES, SANDBOX_SECCOMP } from "../runtime/mod.ts";
import { type Dataset, datasetPath } from "./datasets.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** The size of one tmpfs. */
export interface TmpfsPolicy {
  /** Bytes. */
  readonly bytes: number;
  /** Files and folders. */
  readonly inodes: number;
}

/** What a sandbox may use. Everything else about its confinement is fixed. */
export interface SandboxPolicy {
  /** Bytes of memory, tmpfs and shared memory counted in; there is no swap. */
  readonly memoryBytes: number;
  /** CPUs' worth of time, such as 0.5 or 2: a quota of time, not a number of cores. */
  readonly cpus: number;
  /** Processes and threads. */
  readonly pids: number;
  /** Open files of one process. */
  readonly openFiles: number;
  /** /workspace, the user's files: besides the image, the only place whose programs can be run. */
  readonly workspace: TmpfsPolicy;
  /** /tmp. */
  readonly tmp: TmpfsPolicy;
  /** /run, for sockets. */
  readonly run: TmpfsPolicy;
  /** /dev/shm, for multiprocessing. */
  readonly shm: TmpfsPolicy;
  /** Folders of the engine's machine that it can read. */
  readonly datasets: readonly Dataset[];
  /** The OCI runtime that runs it, such as `runsc`. @default the engine's own choice */
  readonly ociRuntime?: string;
}

/**
 * The default policy. One CPU: several sandboxes share a workstation, numpy and polars use every CPU that they can get, and a quota of one
 * keeps a runaway cell from slowing others. All tmpfs together take 941 MiB of 2 GiB when full, Linux's inodes included.
 */
export const DEFAULT_POLICY: SandboxPolicy = {
  memoryBytes: 2 * GIB,
  cpus: 1,
  pids: 256,
  openFiles: 4096,
  workspace: { bytes: 512 * MIB, inodes: 65_536 },
  tmp: { bytes: 256 * MIB, inodes: 32_768 },
  run: { bytes: 8 * MIB, inodes: 1_024 },
  shm: { bytes: 64 * MIB, inodes: 4_096 },
  datasets: [],
};

/** The part of a policy that settings choose. */
export interface PolicySettings {
  readonly memoryBytes: number;
  /** CPUs' worth of time. */
  readonly cpus: number;
  readonly pids: number;
  /** Size of /workspace. */
  readonly workspaceBytes: number;
}

/**
 * Makes the policy that settings describe, without checking it.
 *
 * @param settings See {@link PolicySettings}.
 */
export function sizedPolicy({ memoryBytes, cpus, pids, workspaceBytes }: PolicySettings): SandboxPolicy {
  return {
    ...DEFAULT_POLICY,
    memoryBytes,
    cpus,
    pids,
    workspace: { ...DEFAULT_POLICY.workspace, bytes: workspaceBytes },
  };
}

/** What differs between two sandboxes of one policy. */
export interface SandboxIdentity {
  /** The image's name or id. */
  readonly image: string;
  /** Its user and group, which no other sandbox of the runtime has. */
  readonly uid: number;
  /** See `runtime/labels.ts`. */
  readonly labels: Readonly<Record<string, string>>;
  /** Environment variables; never a secret. */
  readonly env: Readonly<Record<string, string>>;
  /** The program of PID 1 and its arguments. */
  readonly command: readonly string[];
}

/** The tmpfs of a sandbox: its path, which size of the policy it has, its mode, and whether programs can run from it. */
export const TMPFS_MOUNTS = [
  { path: "/workspace", size: "workspace", mode: "0700", exec: true },
  { path: "/tmp", size: "tmp", mode: "1777", exec: false },
  { path: "/run", size: "run", mode: "0755", exec: false },
  { path: "/dev/shm", size: "shm", mode: "1777", exec: false },
] as const;

/** The least memory that the agent and a kernel with its libraries need besides the tmpfs, in bytes. */
const MEMORY_BESIDES_TMPFS = 128 * MIB;
/** The least memory of a sandbox that a caller may ask for, in bytes: a kernel with pandas takes half of it. */
const LEAST_MEMORY = 256 * MIB;
const MEMORY_STEP = 16 * MIB;
const LEAST_INODES = 64;
/** What Linux needs for a file or folder of a tmpfs besides its content, in bytes; counted in the container's memory. */
const INODE_BYTES = KIB;

/**
 * The container of a sandbox.
 *
 * @param policy What it may use.
 * @param identity Which image, user, labels, environment and command.
 * @throws {OmcpError} `config_invalid` for an invalid policy; see {@link checkPolicy}.
 */
export function sandboxContainerSpec(policy: SandboxPolicy, identity: SandboxIdentity): ContainerSpec {
  checkPolicy(policy);
  const { uid, ...rest } = identity;
  return {
    ...rest,
    workingDir: "/workspace",
    hostname: "sandbox",
    confinement: confinement(uid, SANDBOX_SECCOMP),
    limits: {
      memoryBytes: policy.memoryBytes,
      cpus: policy.cpus,
      cpuShares: CPU_SHARES.sandbox,
      pids: policy.pids,
      userProcesses: policy.pids,
      openFiles: policy.openFiles,
      // Less than that of its child processes, which set themselves to 1000: the agent, and with it the files, survives when a cell takes all memory.
      oomScoreAdj: 0,
    },
    tmpfs: TMPFS_MOUNTS.map(({ size, ...mount }) => ({ ...mount, ...policy[size] })),
    ...(policy.datasets.length === 0 ? {} : {
      readOnlyFolders: policy.datasets.map(({ name, folder }) => ({
        source: folder,
        path: datasetPath(name),
      })),
    }),
    ...(policy.ociRuntime === undefined ? {} : { ociRuntime: policy.ociRuntime }),
  };
}

/**
 * Checks that every limit of a policy is within bounds, and that full file systems leave memory for programs.
 *
 * @param policy The policy.
 * @throws {OmcpError} `config_invalid`, which names the number and its bounds.
 */
export function checkPolicy(policy: SandboxPolicy): void {
  checkNumber("memory", policy.memoryBytes, { least: 64 * MIB, most: 4096 * GIB, unit: "bytes" });
  checkNumber("cpus", policy.cpus, { least: 0.01, most: 1024, unit: "CPUs", fraction: true });
  checkNumber("pids", policy.pids, { least: 16, most: 32_768, unit: "processes" });
  checkNumber("open files", policy.openFiles, { least: 64, most: 1_048_576, unit: "files" });
  for (const { path, size } of TMPFS_MOUNTS) {
    checkNumber(`size of ${path}`, policy[size].bytes, { least: MIB, most: 1024 * GIB, unit: "bytes" });
    checkNumber(`inodes of ${path}`, policy[size].inodes, {
      least: LEAST_INODES,
      most: 100_000_000,
      unit: "inodes",
    });
  }
  const total = tmpfsBytes(policy);
  if (leavesMemory(policy)) return;
  throw new OmcpError(
    "config_invalid",
    `A sandbox's memory (${
      mebibytes(policy.memoryBytes)
    }) is too small for its file systems: /workspace, /tmp, ` +
      `/run and /dev/shm may take ${mebibytes(total)}, and ${
        mebibytes(MEMORY_BESIDES_TMPFS)
      } must remain for programs`,
    {
      next: `Set OMCP_MEMORY_MIB to at least ${
        Math.ceil((total + MEMORY_BESIDES_TMPFS) / MIB)
      }, or lower OMCP_WORKSPACE_MIB.`,
      state: "No sandbox was created.",
    },
  );
}

/** What the file systems take when they are full, the kernel's inodes included. */
function tmpfsBytes(policy: SandboxPolicy): number {
  return TMPFS_MOUNTS.reduce(
    (sum, { size }) => sum + policy[size].bytes + policy[size].inodes * INODE_BYTES,
    0,
  );
}

/**
 * The same policy with another memory limit: the file systems for users' files keep their share of it. /run, for sockets, keeps its size.
 *
 * @param policy A valid policy.
 * @param memoryBytes The memory limit, bytes; at least {@link leastMemory}.
 */
export function scaledPolicy(policy: SandboxPolicy, memoryBytes: number): SandboxPolicy {
  const factor = memoryBytes / policy.memoryBytes;
  function scaled({ bytes, inodes }: TmpfsPolicy): TmpfsPolicy {
    return {
      bytes: Math.max(MIB, Math.floor(bytes * factor)),
      inodes: Math.max(LEAST_INODES, Math.floor(inodes * factor)),
    };
  }
  return {
    ...policy,
    memoryBytes,
    workspace: scaled(policy.workspace),
    tmp: scaled(policy.tmp),
    shm: scaled(policy.shm),
  };
}

/**
 * The least memory limit, in bytes, for which {@link scaledPolicy} leaves enough memory to programs.
 *
 * @param policy A valid policy.
 */
export function leastMemory(policy: SandboxPolicy): number {
  const fixed = policy.run.bytes + policy.run.inodes * INODE_BYTES;
  const part = (tmpfsBytes(policy) - fixed) / policy.memoryBytes;
  const estimate = (fixed + MEMORY_BESIDES_TMPFS) / (1 - part);
  let least = Math.max(LEAST_MEMORY, Math.ceil(estimate / MEMORY_STEP) * MEMORY_STEP);
  // The estimate does not know that no file system shrinks below a MiB.
  while (least < policy.memoryBytes && !leavesMemory(scaledPolicy(policy, least))) least += MEMORY_STEP;
  return Math.min(least, policy.memoryBytes);
}

function leavesMemory(policy: SandboxPolicy): boolean {
  return tmpfsBytes(policy) + MEMORY_BESIDES_TMPFS <= policy.memoryBytes;
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / MIB)} MiB`;
}

interface Bounds {
  readonly least: number;
  readonly most: number;
  readonly unit: string;
  /** Whether it may have a fraction. */
  readonly fraction?: boolean;
}

function checkNumber(name: string, value: number, bounds: Bounds): void {
  const { least, most, unit, fraction } = bounds;
  const sound = (fraction ? Number.isFinite(value) : Number.isSafeInteger(value)) && value >= least &&
    value <= most;
  if (sound) return;
  throw new OmcpError(
    "config_invalid",
    `Invalid sandbox policy: ${name} must be ${
      fraction ? "" : "a whole number, "
    }${least} to ${most} ${unit}; received ${value}`,
    { next: "Correct the setting.", state: "No sandbox was created." },
  );
}
