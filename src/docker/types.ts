/** What every call of the engine takes. */
export interface CallOptions {
  /** Ends the call early; it then throws `cancelled`. */
  readonly signal?: AbortSignal;
  /** Milliseconds after which the call throws `timeout`. @default by call, see {@link DEADLINES_MS} */
  readonly deadlineMs?: number;
}

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

/** A tmpfs, volume or bind in the Engine's JSON. */
export interface MountSpec {
  readonly Type: "volume" | "tmpfs" | "bind";
  readonly Source?: string;
  readonly Target: string;
  readonly ReadOnly?: boolean;
  readonly VolumeOptions?: { readonly NoCopy?: boolean; readonly Labels?: Readonly<Record<string, string>> };
  readonly TmpfsOptions?: { readonly SizeBytes?: number; readonly Mode?: number };
}

/** A process limit in the Engine's JSON. */
export interface UlimitSpec {
  readonly Name: string;
  readonly Soft: number;
  readonly Hard: number;
}

/** The part of the Engine's `HostConfig` that this program uses. */
export interface HostConfigSpec {
  readonly AutoRemove?: boolean;
  readonly NetworkMode?: string;
  readonly ReadonlyRootfs?: boolean;
  readonly Privileged?: boolean;
  readonly CapAdd?: readonly string[];
  readonly CapDrop?: readonly string[];
  readonly SecurityOpt?: readonly string[];
  readonly MaskedPaths?: readonly string[];
  readonly ReadonlyPaths?: readonly string[];
  readonly PidsLimit?: number;
  /** Bytes. */
  readonly Memory?: number;
  /** Bytes of memory and swap together; equal to `Memory` means no swap. */
  readonly MemorySwap?: number;
  readonly MemorySwappiness?: number;
  /** Billionths of a CPU. */
  readonly NanoCpus?: number;
  readonly CpuShares?: number;
  readonly CpuPeriod?: number;
  readonly CpuQuota?: number;
  readonly OomScoreAdj?: number;
  readonly OomKillDisable?: boolean;
  readonly Ulimits?: readonly UlimitSpec[];
  /** Mount point to tmpfs options, such as `size=1048576,mode=1777,noexec`. */
  readonly Tmpfs?: Readonly<Record<string, string>>;
  readonly Mounts?: readonly MountSpec[];
  readonly Binds?: readonly string[];
  /** Bytes of /dev/shm. */
  readonly ShmSize?: number;
  readonly IpcMode?: string;
  readonly PidMode?: string;
  readonly UTSMode?: string;
  readonly UsernsMode?: string;
  readonly CgroupnsMode?: "private" | "host";
  readonly Init?: boolean;
  readonly LogConfig?: { readonly Type: string; readonly Config?: Readonly<Record<string, string>> };
  readonly RestartPolicy?: { readonly Name: "no" | "" };
  readonly Runtime?: string;
  readonly PublishAllPorts?: boolean;
  readonly DnsSearch?: readonly string[];
  readonly ExtraHosts?: readonly string[];
}

/** What a container is to be: a typed part of the Engine's own JSON (`POST /containers/create`). */
export interface ContainerSpec {
  readonly Image: string;
  readonly Cmd?: readonly string[];
  readonly Entrypoint?: readonly string[];
  /** `NAME=value` each. */
  readonly Env?: readonly string[];
  /** `uid:gid`. */
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly Hostname?: string;
  readonly Domainname?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  /** Never a terminal: with one, stdout and stderr are one stream without frames. */
  readonly Tty?: false;
  readonly OpenStdin?: boolean;
  /** True closes the container's stdin when the first attach ends, and leaves it dead for the next. */
  readonly StdinOnce?: boolean;
  readonly AttachStdin?: boolean;
  readonly AttachStdout?: boolean;
  readonly AttachStderr?: boolean;
  readonly NetworkDisabled?: boolean;
  readonly StopSignal?: string;
  /** Seconds. */
  readonly StopTimeout?: number;
  readonly Healthcheck?: { readonly Test: readonly ["NONE"] };
  readonly HostConfig?: HostConfigSpec;
}

/** What the engine says of itself. */
export interface EngineInfo {
  readonly serverVersion: string;
  readonly operatingSystem: string;
  /** `linux` for every engine that can hold our containers. */
  readonly osType: string;
  readonly architecture: string;
  readonly kernelVersion: string;
  readonly cgroupVersion: string;
  readonly cgroupDriver: string;
  readonly storageDriver: string;
  readonly runtimes: readonly string[];
  readonly defaultRuntime: string;
  readonly securityOptions: readonly string[];
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Whether the engine can enforce each limit. */
  readonly memoryLimit: boolean;
  readonly swapLimit: boolean;
  readonly pidsLimit: boolean;
  readonly cpuQuota: boolean;
  readonly warnings: readonly string[];
}

/** A container's state of life. */
export interface ContainerState {
  /** `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`. */
  readonly status: string;
  readonly running: boolean;
  readonly paused: boolean;
  readonly oomKilled: boolean;
  readonly exitCode: number;
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
  readonly id: string;
  readonly name: string;
  /** The image's id. */
  readonly imageId: string;
  /** The image's name as it was asked for. */
  readonly image: string;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: ContainerState;
}

/** One container in a list. */
export interface ContainerSummary {
  readonly id: string;
  /** Without the leading slash. */
  readonly names: readonly string[];
  readonly image: string;
  /** Seconds since 1970. */
  readonly createdAt: number;
  readonly labels: Readonly<Record<string, string>>;
  /** As {@link ContainerState.status}. */
  readonly state: string;
}

/** One image. */
export interface ImageInspect {
  readonly id: string;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly os: string;
  readonly architecture: string;
  /** RFC 3339; empty where the engine does not tell. */
  readonly createdAt: string;
  readonly sizeBytes: number;
  readonly user: string;
  readonly env: readonly string[];
}

/** One image in a list. */
export interface ImageSummary {
  readonly id: string;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds since 1970. */
  readonly createdAt: number;
  readonly sizeBytes: number;
}

/** One volume. */
export interface VolumeInfo {
  readonly name: string;
  readonly driver: string;
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 3339; empty where the engine does not tell. */
  readonly createdAt: string;
}
