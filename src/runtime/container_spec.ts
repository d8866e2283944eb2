/** What a container is to be, in the terms of no engine: each adapter of a {@link ContainerRuntime} translates it. */
import type { SeccompProfile } from "./seccomp_profile.ts";

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

/** One volume of the runtime, mounted to be read and written. */
export interface VolumeMount {
  /** The volume's name in the runtime. */
  readonly volume: string;
  /** Where it is in the container, an absolute path. */
  readonly path: string;
}

/** One folder of the runtime's machine, mounted to be read. What is mounted inside it must be read-only, too. */
export interface ReadOnlyFolder {
  /** Where it is on the machine, an absolute path. The runtime refuses one that does not exist. */
  readonly source: string;
  /** Where it is in the container, an absolute path. */
  readonly path: string;
}

/** What a container may use. */
export interface ResourceLimits {
  /** Bytes, tmpfs counted in; there is no swap. */
  readonly memoryBytes: number;
  /** CPUs' worth of time. @default no limit */
  readonly cpus?: number;
  /** Weight for CPU time while processors are short: 2 to 262144, where a process outside of any container has 1024. */
  readonly cpuShares: number;
  /** Processes and threads at a time. */
  readonly pids: number;
  /** Processes and threads of the container's user, who must have no other container (RLIMIT_NPROC). @default no limit */
  readonly userProcesses?: number;
  /** Open files of one process. */
  readonly openFiles: number;
  /** Bytes of private memory of one process (RLIMIT_DATA). @default no limit */
  readonly processBytes?: number;
  /** How soon the kernel ends PID 1 when memory runs out: 0 like any program, 1000 before anything else. */
  readonly oomScoreAdj: number;
}

/**
 * What differs in the confinement of our containers.
 *
 * Every adapter enforces the rest on all containers, so there is no field for it: read-only root, no capability, no new
 * privileges, private IPC and cgroup namespaces, no swap, no core dumps, no restart, no output on the machine's disk.
 */
export interface Confinement {
  /** The user and group of everything in the container. */
  readonly uid: number;
  /** Which system calls it may make. */
  readonly seccomp: SeccompProfile;
  /** Paths that are hidden; those that the machine's kernel lacks are skipped. */
  readonly maskedPaths: readonly string[];
  /** Paths that can only be read; those that the machine's kernel lacks are skipped. */
  readonly readOnlyPaths: readonly string[];
}

/** One container. */
export interface ContainerSpec {
  /** The image's name or id; it must be in the runtime already. */
  readonly image: string;
  /** The program of PID 1 and its arguments; replaces what the image says. */
  readonly command: readonly string[];
  /** Where PID 1 begins, an absolute path. */
  readonly workingDir: string;
  /** A fixed name: the runtime's default reveals the container's id. */
  readonly hostname: string;
  /** Environment variables; never a secret. */
  readonly env: Readonly<Record<string, string>>;
  /** What lists are filtered by; see `labels.ts`. */
  readonly labels: Readonly<Record<string, string>>;
  /** How it is confined. */
  readonly confinement: Confinement;
  /** What it may use. */
  readonly limits: ResourceLimits;
  /** All that can be written to without a volume. */
  readonly tmpfs: readonly TmpfsMount[];
  /** Volumes besides. @default none */
  readonly volumes?: readonly VolumeMount[];
  /** Folders of the machine: the one exception to "no host path", for those that an operator names. @default none */
  readonly readOnlyFolders?: readonly ReadOnlyFolder[];
  /** `stays-open`: PID 1 can be attached to again. `ends-with-attach`: its stdin ends when its first attach does. @default "stays-open" */
  readonly stdin?: "stays-open" | "ends-with-attach";
  /** The runtime's network that it joins, by name. Only a container that never runs user code has one. @default none, and no interface but `lo` */
  readonly network?: string;
  /** The OCI runtime that runs it, such as `runsc`. @default the runtime's own choice */
  readonly ociRuntime?: string;
}
