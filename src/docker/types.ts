/** What every call of the engine takes. */
export interface CallOptions {
  /** Ends the call early; it then throws `cancelled`. */
  readonly signal?: AbortSignal;
  /** Milliseconds after which the call throws `timeout`. @default by call, see {@link DEADLINES_MS} */
  readonly deadlineMs?: number;
}

/** What to do when the engine did not answer in time. */
export const ENGINE_HINT = "Check that the container engine is healthy, then try again.";

/** Default deadlines, in milliseconds. */
export const DEADLINES_MS = {
  /** Finding the engine and agreeing on a version. */
  connect: 10_000,
  /** A call that the engine answers at once. */
  unary: 30_000,
  /** A call that takes a container down. */
  destroy: 30_000,
  /** Waiting for a container's end. */
  wait: 60_000,
  /** Building, importing and pulling images. */
  transfer: 30 * 60_000,
} as const;

/** A mount in the Engine's JSON. */
export interface MountSpec {
  /** A named volume, memory, or a path of the host's. */
  readonly Type: "volume" | "tmpfs" | "bind";
  /** The volume's name or the host's path; none for a tmpfs. */
  readonly Source?: string;
  /** Where it is in the container, an absolute path. */
  readonly Target: string;
}

/** A process limit in the Engine's JSON. */
export interface UlimitSpec {
  /** The limit as the shell's `ulimit` knows it, without `RLIMIT_`, such as `nofile`. */
  readonly Name: string;
  /** What holds at first, in the limit's own unit (files, bytes); a process may raise it up to `Hard`. */
  readonly Soft: number;
  /** What no unprivileged process can go beyond, in the same unit. */
  readonly Hard: number;
}

/** The part of the Engine's `HostConfig` that this program uses. */
export interface HostConfigSpec {
  /** The engine removes the container with its anonymous volumes as soon as it ends. */
  readonly AutoRemove?: boolean;
  /** `none` leaves the loopback interface alone. */
  readonly NetworkMode?: string;
  /** Nothing can be written but in mounts and tmpfs. */
  readonly ReadonlyRootfs?: boolean;
  /** True lifts all confinement; false is the default, and said all the same. */
  readonly Privileged?: boolean;
  /** Capabilities taken away; `ALL` for every one. */
  readonly CapDrop?: readonly string[];
  /** `no-new-privileges:true`, `seccomp=` and inline JSON, and the like. */
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
  /** Billionths of a CPU. */
  readonly NanoCpus?: number;
  /** Its part of the processors while others want them too, 2 to 262144; 1024 is any container's. */
  readonly CpuShares?: number;
  /** -1000 to 1000: the higher, the sooner it is killed when the host's memory runs out. */
  readonly OomScoreAdj?: number;
  /** Process limits that PID 1 begins with and all others inherit. */
  readonly Ulimits?: readonly UlimitSpec[];
  /** Mount point to tmpfs options, such as `size=1048576,mode=1777,noexec`. */
  readonly Tmpfs?: Readonly<Record<string, string>>;
  /** What is mounted besides the tmpfs of `Tmpfs`. */
  readonly Mounts?: readonly MountSpec[];
  /** `private` gives System V and POSIX IPC of its own. */
  readonly IpcMode?: string;
  /** Whether /proc shows the host's cgroup paths; needs API 1.41. */
  readonly CgroupnsMode?: "private" | "host";
  /** Whether the engine puts an init of its own before our PID 1. */
  readonly Init?: boolean;
  /** `none` keeps the container's output off the host's disk. */
  readonly LogConfig?: { readonly Type: string; readonly Config?: Readonly<Record<string, string>> };
  /** Never anything but no restart. */
  readonly RestartPolicy?: { readonly Name: "no" | "" };
  /** An OCI runtime known to the engine, such as `runsc`. @default the engine's own choice */
  readonly Runtime?: string;
}

/** What a container is to be: a typed part of the Engine's own JSON (`POST /containers/create`). */
export interface ContainerSpec {
  /** The image's name or id; it must be there, creating pulls nothing. */
  readonly Image: string;
  /** Arguments of the entry point. @default the image's */
  readonly Cmd?: readonly string[];
  /** The program of PID 1 and its first arguments. @default the image's */
  readonly Entrypoint?: readonly string[];
  /** `NAME=value` each. */
  readonly Env?: readonly string[];
  /** `uid:gid`. */
  readonly User?: string;
  /** Where PID 1 begins, an absolute path. @default the image's */
  readonly WorkingDir?: string;
  /** What the container calls itself. @default the first characters of its id */
  readonly Hostname?: string;
  /** What lists can be filtered by. */
  readonly Labels?: Readonly<Record<string, string>>;
  /** Never a terminal: with one, stdout and stderr are one stream without frames. */
  readonly Tty?: false;
  /** Keeps stdin open while nobody is attached. */
  readonly OpenStdin?: boolean;
  /** True closes the container's stdin when the first attach ends, and leaves it dead for the next. */
  readonly StdinOnce?: boolean;
  /** Noted by the engine; an attach names its streams itself. */
  readonly AttachStdin?: boolean;
  /** As `AttachStdin`. */
  readonly AttachStdout?: boolean;
  /** As `AttachStdin`. */
  readonly AttachStderr?: boolean;
  /** No network beside loopback; belongs with `NetworkMode` `none`. */
  readonly NetworkDisabled?: boolean;
  /** Switches off the image's own health check, which would run programs in the container. */
  readonly Healthcheck?: { readonly Test: readonly ["NONE"] };
  /** Limits, mounts and confinement. */
  readonly HostConfig?: HostConfigSpec;
}

/** What the engine says of itself. */
export interface EngineInfo {
  /** Such as `20.10.24`; empty where the engine does not tell, as for all texts here. */
  readonly serverVersion: string;
  /** The host's distribution, as the engine words it. */
  readonly operatingSystem: string;
  /** `linux` for every engine that can hold our containers. */
  readonly osType: string;
  /** As `uname -m` says, such as `x86_64`. */
  readonly architecture: string;
  /** As `uname -r` says. */
  readonly kernelVersion: string;
  /** `1` or `2`. */
  readonly cgroupVersion: string;
  /** `systemd`, `cgroupfs` or `none`; with `none` no limit is enforced. */
  readonly cgroupDriver: string;
  /** Such as `overlay2` or `vfs`. */
  readonly storageDriver: string;
  /** Names of the OCI runtimes that a container may ask for. */
  readonly runtimes: readonly string[];
  /** The one used where a container names none. */
  readonly defaultRuntime: string;
  /** Such as `name=seccomp,profile=default`, `name=rootless` or `name=userns`. */
  readonly securityOptions: readonly string[];
  /** CPUs that the engine sees. */
  readonly cpus: number;
  /** The host's memory, in bytes. */
  readonly memoryBytes: number;
  /** Whether the engine can enforce each limit. */
  readonly memoryLimit: boolean;
  /** As `memoryLimit`, for memory and swap together. */
  readonly swapLimit: boolean;
  /** As `memoryLimit`, for processes. */
  readonly pidsLimit: boolean;
  /** As `memoryLimit`, for CPU time. */
  readonly cpuQuota: boolean;
  /** The engine's own, such as a limit that the kernel does not support; empty where there are none. */
  readonly warnings: readonly string[];
}

/** A container's state of life. */
export interface ContainerState {
  /** `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`. */
  readonly status: string;
  /** True while it is paused too. */
  readonly running: boolean;
  /** All its processes are frozen. */
  readonly paused: boolean;
  /** The kernel has killed a process of it for want of memory, not necessarily PID 1. */
  readonly oomKilled: boolean;
  /** PID 1's; 128 and the signal where one ended it; 0 before the end. */
  readonly exitCode: number;
  /** PID 1's number on the host; 0 where it does not run. */
  readonly pid: number;
  /** The engine's reason for a start that failed; empty if there is none. */
  readonly error: string;
  /** RFC 3339. */
  readonly startedAt: string;
  /** RFC 3339. */
  readonly finishedAt: string;
}

/** One container, looked at closely. */
export interface ContainerInspect {
  /** 64 hexadecimal digits. */
  readonly id: string;
  /** Without the leading slash. */
  readonly name: string;
  /** The image's id. */
  readonly imageId: string;
  /** The image's name as it was asked for. */
  readonly image: string;
  /** RFC 3339. */
  readonly createdAt: string;
  /** The container's labels; empty where it has none. */
  readonly labels: Readonly<Record<string, string>>;
  /** Its state when it was looked at. */
  readonly state: ContainerState;
}

/** One container in a list. */
export interface ContainerSummary {
  /** 64 hexadecimal digits. */
  readonly id: string;
  /** Without the leading slash. */
  readonly names: readonly string[];
  /** The image's name as it was asked for, or its id where that name has gone to another. */
  readonly image: string;
  /** Seconds since 1970. */
  readonly createdAt: number;
  /** The container's labels; empty where it has none. */
  readonly labels: Readonly<Record<string, string>>;
  /** As {@link ContainerState.status}. */
  readonly state: string;
}

/** One image. */
export interface ImageInspect {
  /** `sha256:` and 64 hexadecimal digits. */
  readonly id: string;
  /** Its names, such as `omcp-python:1234`; empty where it has lost them all. */
  readonly tags: readonly string[];
  /** Empty where it has none. */
  readonly labels: Readonly<Record<string, string>>;
  /** `linux` for all of ours; empty where the image does not say. */
  readonly os: string;
  /** As Go names it, such as `amd64`; empty where the image does not say. */
  readonly architecture: string;
  /** RFC 3339; empty where the engine does not tell. */
  readonly createdAt: string;
  /** Bytes of all its layers together, shared ones included. */
  readonly sizeBytes: number;
  /** The user its containers run as unless they say otherwise; empty for root. */
  readonly user: string;
  /** `NAME=value` each. */
  readonly env: readonly string[];
}

/** One image in a list. */
export interface ImageSummary {
  /** `sha256:` and 64 hexadecimal digits. */
  readonly id: string;
  /** Its names; empty where it has lost them all. */
  readonly tags: readonly string[];
  /** Empty where it has none. */
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
  /** `local` for those this program makes. */
  readonly driver: string;
  /** Those it was made with: asking again for a volume changes none. */
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 3339; empty where the engine does not tell. */
  readonly createdAt: string;
}
