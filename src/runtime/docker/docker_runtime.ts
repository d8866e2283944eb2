/** Docker's engine as a container runtime. */
import type { Engine, EngineInfo } from "../../docker/mod.ts";
import { logger } from "../../observability/log.ts";
import type {
  Attachment,
  CallOptions,
  ContainerInfo,
  ContainerPlatform,
  ContainerSpec,
  ContainerStatus,
  ContainerSummary,
  CreateOptions,
  ImageInfo,
  ListOptions,
  RemoveOptions,
  RuntimeResources,
  Volume,
} from "../mod.ts";
import { createContainerRequest } from "./container_request.ts";

const log = logger("runtime");

/** The engine's words for a container's state (Engine API, `ContainerState.Status`). */
const STATUSES: Readonly<Record<string, ContainerStatus>> = {
  created: "created",
  running: "running",
  restarting: "running",
  paused: "paused",
  removing: "removing",
  exited: "ended",
  dead: "ended",
};

/** Translates the port's calls into the engine's, and logs the engine's warnings, each text once. */
export class DockerRuntime implements ContainerPlatform {
  readonly #engine: Engine;
  readonly #warnings = new Set<string>();
  /** Asked once: the engine's machine does not change while a server uses it. */
  #info: EngineInfo | undefined;

  /**
   * @param engine A connected engine, which its owner closes.
   * @param info What it reports about itself, if that is known.
   */
  constructor(engine: Engine, info?: EngineInfo) {
    this.#engine = engine;
    this.#info = info;
  }

  /** See {@link ContainerPlatform}. */
  createContainer(spec: ContainerSpec, options: CreateOptions): Promise<string> {
    return this.#engine.createContainer(createContainerRequest(spec), {
      ...options,
      onWarning: (text) => this.#warn(text),
    });
  }

  /** See {@link ContainerPlatform}. */
  startContainer(id: string, call?: CallOptions): Promise<void> {
    return this.#engine.startContainer(id, call);
  }

  /** See {@link ContainerPlatform}. */
  renameContainer(id: string, name: string, call?: CallOptions): Promise<void> {
    return this.#engine.renameContainer(id, name, call);
  }

  /** See {@link ContainerPlatform}. */
  attach(id: string, call?: CallOptions): Promise<Attachment> {
    return this.#engine.attach(id, call);
  }

  /** See {@link ContainerPlatform}. */
  async inspectContainer(idOrName: string, call?: CallOptions): Promise<ContainerInfo> {
    const { id, name, labels, ociRuntime, state } = await this.#engine.inspectContainer(idOrName, call);
    return {
      id,
      name,
      labels,
      ociRuntime,
      status: statusOf(state.status),
      outOfMemory: state.oomKilled,
    };
  }

  /** See {@link ContainerPlatform}. */
  async listContainers(options: ListOptions): Promise<ContainerSummary[]> {
    const found = await this.#engine.listContainers(options);
    return found.map(({ id, names, labels, state, createdAt }) => ({
      id,
      name: names[0] ?? id,
      labels,
      status: statusOf(state),
      createdAt: createdAt * 1000,
    }));
  }

  /** See {@link ContainerPlatform}. */
  removeContainer(id: string, options?: RemoveOptions): Promise<void> {
    return this.#engine.removeContainer(id, options);
  }

  /** See {@link ContainerPlatform}. */
  createVolume(name: string, labels: Readonly<Record<string, string>>, call?: CallOptions): Promise<Volume> {
    return this.#engine.createVolume(name, labels, call);
  }

  /** See {@link ContainerPlatform}. */
  inspectVolume(name: string, call?: CallOptions): Promise<Volume | undefined> {
    return this.#engine.inspectVolume(name, call);
  }

  /** See {@link ContainerPlatform}. */
  listVolumes(
    options: CallOptions & { readonly labels: Readonly<Record<string, string>> },
  ): Promise<Volume[]> {
    return this.#engine.listVolumes(options);
  }

  /** See {@link ContainerPlatform}. */
  measureVolumes(call?: CallOptions): Promise<ReadonlyMap<string, number>> {
    return this.#engine.measureVolumes(call);
  }

  /** See {@link ContainerPlatform}. */
  removeVolume(name: string, call?: CallOptions): Promise<void> {
    return this.#engine.removeVolume(name, call);
  }

  /** See {@link ContainerPlatform}. */
  async hasImage(reference: string, call?: CallOptions): Promise<boolean> {
    return await this.#engine.inspectImage(reference, call) !== undefined;
  }

  /** See {@link ContainerPlatform}. */
  async inspectImage(reference: string, call?: CallOptions): Promise<ImageInfo | undefined> {
    const found = await this.#engine.inspectImage(reference, call);
    if (found === undefined) return undefined;
    return { id: found.id, digests: found.digests.map((name) => name.slice(name.lastIndexOf("@") + 1)) };
  }

  /** See {@link ContainerPlatform}. */
  async resources(call?: CallOptions): Promise<RuntimeResources> {
    this.#info ??= await this.#engine.info(call);
    const { cpus, memoryBytes, cpuQuota, warnings } = this.#info;
    for (const text of warnings) this.#warn(text);
    return { cpus, memoryBytes, cpuQuota };
  }

  #warn(text: string): void {
    if (this.#warnings.has(text)) return;
    this.#warnings.add(text);
    log.warning("The container engine warns: {text}", { text });
  }
}

function statusOf(status: string): ContainerStatus {
  return STATUSES[status] ?? "ended";
}
