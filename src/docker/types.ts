/** Options of every call to the engine. */
export interface CallOptions {
  /** Ends the call early; it then throws `cancelled`. */
  readonly signal?: AbortSignal;
  /** Milliseconds after which the call throws `timeout`. @default by call, see {@link DEADLINES_MS} */
  readonly deadlineMs?: number;
}

/** Options of a container's removal. */
export interface RemoveOptions extends CallOptions {
  /** Throws `engine_conflict` where the container runs or another call removes it, and leaves it. @default false */
  readonly unlessRunning?: boolean;
}

/** What to do when the engine did not respond in time. */
export const ENGINE_HINT = "Check that the container engine is healthy, then try again.";

/** Default deadlines, in milliseconds. */
export const DEADLINES_MS = {
  /** Connecting and negotiating the API version. */
  connect: 10_000,
  /** A call to which the engine responds at once. */
  unary: 30_000,
  /** Killing and removing a container. */
  destroy: 30_000,
  /** Waiting for a container's end. */
  wait: 60_000,
  /** Building, importing and pulling images. */
  transfer: 30 * 60_000,
} as const;

/** A mount in the Engine's JSON. */
export interface MountSpec {
  /** A named volume, memory, or a path of the engine's machine. */
  readonly Type: "volume" | "tmpfs" | "bind";
  /** The volume's name or the machine's path; absent for a tmpfs. */
  readonly Source?: string;
  /** Where it is in the container, an absolute path. */
  readonly Target: string;
  /** Whether it can only be read; engines before 25 leave mounts inside it as they are. @default false */
  readonly ReadOnly?: boolean;
  /** `rprivate`: what is mounted on the machine later does not appear in the container. */
  readonly BindOptions?: { readonly Propagation: "rprivate" };
}

/** A process limit in the Engine's JSON. */
export interface UlimitSpec {
  /** The limit as the shell's `ulimit` knows it, without `RLIMIT_`, such as `nofile`. */
  readonly Name: string;
  /** The initial limit, in its own unit (files, bytes); a process may raise it up to `Hard`. */
  readonly Soft: number;
  /** What no unprivileged process can exceed, in the same unit. */
  readonly Hard: number;
}

/** The part of the Engine's `HostConfig` that this program uses. */
export interface HostConfigSpec {
  /** The engine removes the container with its anonymous volumes when it ends. */
  readonly AutoRemove?: boolean;
  /** `none`: only the loopback interface exists. */
  readonly NetworkMode?: string;
  /** Only mounts and tmpfs can be written to. */
  readonly ReadonlyRootfs?: boolean;
  /** True lifts all confinement. @default false */
  readonly Privileged?: boolean;
  /** Capabilities that are dropped; `ALL` for every one. */
  readonly CapDrop?: readonly string[];
  /** Such as `no-new-privileges:true`, or `seccomp=` and inline JSON. */
  readonly SecurityOpt?: readonly string[];
  /** Paths that are hidden; replaces the engine's own list. */
  readonly MaskedPaths?: readonly string[];
  /** Paths that can only be read; replaces the engine's own list. */
  readonly ReadonlyPaths?: readonly string[];
  /** Processes and threads at a time. */
  readonly PidsLimit?: number;
  /** Bytes. */
  readonly Memory?: number;
  /** Bytes of memory and swap together; equal to `Memory` means no swap. */
  readonly MemorySwap?: number;
  /** Microseconds in which `CpuQuota` may be used up, 1,000 to 1,000,000. @default 100,000 */
  readonly CpuPeriod?: number;
  /** Microseconds of processor time per `CpuPeriod`, of all processors together; 1,000 or more. @default no limit */
  readonly CpuQuota?: number;
  /** Relative weight while processors are short, 2 to 262144. @default 1024 */
  readonly CpuShares?: number;
  /** -1000 to 1000: the higher, the sooner the kernel kills it when the machine's memory runs out. */
  readonly OomScoreAdj?: number;
  /** Process limits that PID 1 starts with and all others inherit. */
  readonly Ulimits?: readonly UlimitSpec[];
  /** Mount point to tmpfs options, such as `size=1048576,mode=1777,noexec`. */
  readonly Tmpfs?: Readonly<Record<string, string>>;
  /** Mounts besides `Tmpfs`. */
  readonly Mounts?: readonly MountSpec[];
  /** `private`: System V and POSIX IPC objects of its own. */
  readonly IpcMode?: string;
  /** `host`: /proc shows the machine's cgroup paths. Needs API 1.41. */
  readonly CgroupnsMode?: "private" | "host";
  /** Whether the engine's init is PID 1. */
  readonly Init?: boolean;
  /** `none` keeps the container's output off the machine's disk. */
  readonly LogConfig?: { readonly Type: string; readonly Config?: Readonly<Record<string, string>> };
  /** `no`, or empty: the engine never restarts the container. */
  readonly RestartPolicy?: { readonly Name: "no" | "" };
  /** An OCI runtime known to the engine, such as `runsc`. @default the engine's own choice */
  readonly Runtime?: string;
}

/** A container to create: a typed part of the Engine's own JSON (`POST /containers/create`). */
export interface CreateContainerRequest {
  /** The image's name or id; creating pulls nothing. */
  readonly Image: string;
  /** Arguments of the entry point. @default the image's */
  readonly Cmd?: readonly string[];
  /** The program of PID 1 and its first arguments. @default the image's */
  readonly Entrypoint?: readonly string[];
  /** `NAME=value` each. */
  readonly Env?: readonly string[];
  /** `uid:gid`. */
  readonly User?: string;
  /** PID 1's working directory, an absolute path. @default the image's */
  readonly WorkingDir?: string;
  /** The container's host name. @default the first characters of its id */
  readonly Hostname?: string;
  /** Names and values, by which lists are filtered. */
  readonly Labels?: Readonly<Record<string, string>>;
  /** Never a terminal: it would merge stdout and stderr into one stream without frames. */
  readonly Tty?: false;
  /** Keeps stdin open while no client is attached. */
  readonly OpenStdin?: boolean;
  /** True closes the container's stdin permanently when the first attach ends. */
  readonly StdinOnce?: boolean;
  /** The engine only records it; an attach names its streams itself. */
  readonly AttachStdin?: boolean;
  /** As `AttachStdin`. */
  readonly AttachStdout?: boolean;
  /** As `AttachStdin`. */
  readonly AttachStderr?: boolean;
  /** No network except loopback; goes with `NetworkMode` `none`. */
  readonly NetworkDisabled?: boolean;
  /** Turns off the image's own health check, which would run programs in the container. */
  readonly Healthcheck?: { readonly Test: readonly ["NONE"] };
  /** Limits, mounts and confinement. */
  readonly HostConfig?: HostConfigSpec;
}

/** What the engine reports about itself. */
export interface EngineInfo {
  /** Such as `20.10.24`. Every text here is empty if the engine does not report it. */
  readonly serverVersion: string;
  /** The machine's distribution, in the engine's words. */
  readonly operatingSystem: string;
  /** `linux` for every engine that can run our containers. */
  readonly osType: string;
  /** As `uname -m` prints it, such as `x86_64`. */
  readonly architecture: string;
  /** As `uname -r` prints it. */
  readonly kernelVersion: string;
  /** `1` or `2`. */
  readonly cgroupVersion: string;
  /** `systemd`, `cgroupfs` or `none`; with `none` no limit is enforced. */
  readonly cgroupDriver: string;
  /** Such as `overlay2` or `vfs`. */
  readonly storageDriver: string;
  /** Names of the OCI runtimes that a container may name. */
  readonly runtimes: readonly string[];
  /** The one used where a container does not name one. */
  readonly defaultRuntime: string;
  /** Such as `name=seccomp,profile=default`, `name=rootless` or `name=userns`. */
  readonly securityOptions: readonly string[];
  /** CPUs that the engine sees. */
  readonly cpus: number;
  /** The machine's memory, in bytes. */
  readonly memoryBytes: number;
  /** Whether the engine can enforce each limit. */
  readonly memoryLimit: boolean;
  /** As `memoryLimit`, for memory and swap together. */
  readonly swapLimit: boolean;
  /** As `memoryLimit`, for processes. */
  readonly pidsLimit: boolean;
  /** As `memoryLimit`, for CPU time. */
  readonly cpuQuota: boolean;
  /** The engine's own warnings, such as about a limit that the kernel does not support. */
  readonly warnings: readonly string[];
}

/** A container's state. */
export interface ContainerState {
  /** `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`. */
  readonly status: string;
  /** Also true while it is paused. */
  readonly running: boolean;
  /** All its processes are frozen. */
  readonly paused: boolean;
  /** The kernel killed a process of it, not necessarily PID 1, for lack of memory. */
  readonly oomKilled: boolean;
  /** The exit code of PID 1; 128 plus the signal if a signal ended it; 0 before the end. */
  readonly exitCode: number;
  /** PID 1's number on the machine; 0 if it does not run. */
  readonly pid: number;
  /** The engine's reason for a start that failed; else empty. */
  readonly error: string;
  /** RFC 3339. */
  readonly startedAt: string;
  /** RFC 3339. */
  readonly finishedAt: string;
}

/** One container, inspected. */
export interface ContainerInspect {
  /** 64 hexadecimal digits. */
  readonly id: string;
  /** Without the leading slash. */
  readonly name: string;
  /** The image's id. */
  readonly imageId: string;
  /** The image's name in the request. */
  readonly image: string;
  /** RFC 3339. */
  readonly createdAt: string;
  /** The container's labels; empty if it has none. */
  readonly labels: Readonly<Record<string, string>>;
  /** The name of the OCI runtime that runs it; empty if the engine does not report it. */
  readonly ociRuntime: string;
  /** Its state at the time of the call. */
  readonly state: ContainerState;
}

/** One container in a list. */
export interface ContainerSummary {
  /** 64 hexadecimal digits. */
  readonly id: string;
  /** Without the leading slash. */
  readonly names: readonly string[];
  /** The image's name in the request, or its id where the name now belongs to another image. */
  readonly image: string;
  /** Seconds since 1970. */
  readonly createdAt: number;
  /** The container's labels; empty if it has none. */
  readonly labels: Readonly<Record<string, string>>;
  /** As {@link ContainerState.status}. */
  readonly state: string;
}

/** One image. */
export interface ImageInspect {
  /** `sha256:` and 64 hexadecimal digits. */
  readonly id: string;
  /** Its names, such as `omcp-python:1234`; may be empty. */
  readonly tags: readonly string[];
  /** Its names by digest, such as `debian@sha256:…`; empty for one that was built here. */
  readonly digests: readonly string[];
  /** Empty if it has none. */
  readonly labels: Readonly<Record<string, string>>;
  /** `linux` for this program's images; empty if the image does not state it. */
  readonly os: string;
  /** As Go names it, such as `amd64`; empty if the image does not state it. */
  readonly architecture: string;
  /** RFC 3339; empty if the engine does not report it. */
  readonly createdAt: string;
  /** Bytes of all its layers together, shared ones included. */
  readonly sizeBytes: number;
  /** The default user of its containers; empty for root. */
  readonly user: string;
  /** `NAME=value` each. */
  readonly env: readonly string[];
}

/** One image in a list. */
export interface ImageSummary {
  /** `sha256:` and 64 hexadecimal digits. */
  readonly id: string;
  /** Its names; may be empty. */
  readonly tags: readonly string[];
  /** Empty if it has none. */
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds since 1970. */
  readonly createdAt: number;
  /** Bytes of all its layers together, shared ones included. */
  readonly sizeBytes: number;
}

/** One volume. */
export interface VolumeInfo {
  /** Unique in the engine. */
  readonly name: string;
  /** `local` for those that this program creates. */
  readonly driver: string;
  /** The labels that it was created with; creating it again does not change them. */
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 3339; empty if the engine does not report it. */
  readonly createdAt: string;
}
