/**
 * The port to whatever runs containers. `docker/` is its adapter for Docker's engine; another could be a cluster's.
 *
 * Every call has a deadline and throws an `OmcpError`: `engine_unreachable`, `engine_not_found`, `engine_conflict`, `engine_refused`,
 * `engine_failed`, `image_missing`, `timeout`, `cancelled`, or `invalid_argument` before the runtime is asked. An error whose
 * `details.status` is a number is the runtime's own answer; after one without it, the runtime may still carry the call out.
 */
import type { ByteStream } from "../lib/byte_stream.ts";
import type { ContainerSpec } from "./container_spec.ts";

/** What every call takes. */
export interface CallOptions {
  /** Ends the call early; it then throws `cancelled`. */
  readonly signal?: AbortSignal;
  /** Milliseconds after which the call throws `timeout`. @default the adapter's, by call */
  readonly deadlineMs?: number;
}

/** What a removal takes. */
export interface RemoveOptions extends CallOptions {
  /** Throws `engine_conflict` where the container runs or another call removes it, and leaves it. @default false */
  readonly unlessRunning?: boolean;
}

/**
 * PID 1's standard streams: `readable` is its stdout, `writable` its stdin.
 *
 * The caller of an attach reads `readable`, cancels it, or calls `close()`: an attach that nobody reads can make the runtime hang.
 */
export interface Attachment extends ByteStream {
  /** What PID 1 prints on its stderr; ends with the connection. What nobody reads is dropped. */
  readonly stderr: ReadableStream<Uint8Array>;
  /** Resolves when the connection is over, for whatever reason; never rejects. */
  readonly closed: Promise<void>;
  /** Ends the connection; the container continues. Idempotent. */
  close(): void;
}

/** A container's state: never started, running (also while paused), frozen, being removed, or ended. */
export type ContainerStatus = "created" | "running" | "paused" | "removing" | "ended";

/** One container in a list. */
export interface ContainerSummary {
  /** The runtime's own id. */
  readonly id: string;
  /** Unique in the runtime. */
  readonly name: string;
  /** Its state at the time of the call. */
  readonly status: ContainerStatus;
  /** Empty if it has none. */
  readonly labels: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** One container, inspected. */
export interface ContainerInfo {
  /** The runtime's own id. */
  readonly id: string;
  /** Unique in the runtime. */
  readonly name: string;
  /** Its state at the time of the call. */
  readonly status: ContainerStatus;
  /** Empty if it has none. */
  readonly labels: Readonly<Record<string, string>>;
  /** The OCI runtime that runs it, such as `runc`; empty if the runtime does not report it. */
  readonly ociRuntime: string;
  /** Whether the kernel killed a process of it, not necessarily PID 1, for lack of memory. */
  readonly outOfMemory: boolean;
}

/** How a container is created. */
export interface CreateOptions extends CallOptions {
  /** Unique in the runtime: a creation that was given up is removed by it. */
  readonly name: string;
}

/** Which containers to list. */
export interface ListOptions extends CallOptions {
  /** All must match. @default any labels */
  readonly labels?: Readonly<Record<string, string>>;
  /** The volume that they mount. @default any */
  readonly volume?: string;
  /** Also those that do not run. @default false */
  readonly all?: boolean;
}

/** Runs containers. */
export interface ContainerRuntime {
  /** Creates a container without starting it, and returns the runtime's own id. */
  createContainer(spec: ContainerSpec, options: CreateOptions): Promise<string>;
  /** Starts PID 1. Succeeds if it runs already: several calls at once may all succeed. */
  startContainer(id: string, call?: CallOptions): Promise<void>;
  /** Gives a container another name; its id stays. */
  renameContainer(id: string, name: string, call?: CallOptions): Promise<void>;
  /** Attaches to PID 1's standard streams. Deadline and signal bound the opening only. */
  attach(id: string, call?: CallOptions): Promise<Attachment>;
  /** Inspects a container, by id or name; `engine_not_found` if there is none. */
  inspectContainer(id: string, call?: CallOptions): Promise<ContainerInfo>;
  /** Lists containers. */
  listContainers(options: ListOptions): Promise<readonly ContainerSummary[]>;
  /** Kills and removes a container, by id or name, and returns when it has gone. Absent is success. */
  removeContainer(id: string, options?: RemoveOptions): Promise<void>;
}

/** One volume. */
export interface Volume {
  /** Unique in the runtime. */
  readonly name: string;
  /** The labels that it was created with. */
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 3339; empty if the runtime does not say. */
  readonly createdAt: string;
}

/** Keeps data beyond a container's life. */
export interface VolumeStore {
  /** Creates a volume. One of that name is returned as it is: compare its labels. */
  createVolume(name: string, labels: Readonly<Record<string, string>>, call?: CallOptions): Promise<Volume>;
  /** Inspects a volume; undefined if there is none. */
  inspectVolume(name: string, call?: CallOptions): Promise<Volume | undefined>;
  /** Lists the volumes that have all of the labels. */
  listVolumes(
    options: CallOptions & { readonly labels: Readonly<Record<string, string>> },
  ): Promise<readonly Volume[]>;
  /** Bytes on disk by volume; without those that the runtime has not measured. */
  measureVolumes(call?: CallOptions): Promise<ReadonlyMap<string, number>>;
  /** Removes a volume with all its data. Absent is success; one that a container mounts is `engine_conflict`. */
  removeVolume(name: string, call?: CallOptions): Promise<void>;
}

/** One image. */
export interface ImageInfo {
  /** `sha256:` and 64 hexadecimal digits: a name that cannot come to mean another image. */
  readonly id: string;
  /** The digests under which registries have it, `sha256:…` each; empty for one that was built here. */
  readonly digests: readonly string[];
}

/** The resources of the machine of a runtime. */
export interface RuntimeResources {
  /** Processors. */
  readonly cpus: number;
  /** The machine's memory, bytes. */
  readonly memoryBytes: number;
  /** Whether it can limit CPU time. */
  readonly cpuQuota: boolean;
}

/** A whole runtime: containers, volumes, and which images and processors there are. */
export interface ContainerPlatform extends ContainerRuntime, VolumeStore {
  /** Whether an image is there. */
  hasImage(reference: string, call?: CallOptions): Promise<boolean>;
  /** Inspects an image; undefined if there is none. */
  inspectImage(reference: string, call?: CallOptions): Promise<ImageInfo | undefined>;
  /** The resources that containers share. */
  resources(call?: CallOptions): Promise<RuntimeResources>;
}
