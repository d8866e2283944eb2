/** A runtime that is not there yet: each call first waits for it. So the parts of a server can be wired before the engine has responded. */
import type {
  Attachment,
  CallOptions,
  ContainerInfo,
  ContainerPlatform,
  ContainerSpec,
  ContainerSummary,
  CreateOptions,
  ImageInfo,
  ListOptions,
  RemoveOptions,
  RuntimeResources,
  Volume,
} from "../runtime/mod.ts";

/** Waits for the runtime; throws the reason if there is none. */
export type AwaitPlatform = (signal?: AbortSignal) => Promise<ContainerPlatform>;

/** See {@link ContainerPlatform}: every call throws what the wait throws. */
export class DeferredPlatform implements ContainerPlatform {
  readonly #ready: AwaitPlatform;

  /** @param ready See {@link AwaitPlatform}; it bounds the wait itself. */
  constructor(ready: AwaitPlatform) {
    this.#ready = ready;
  }

  /** See {@link ContainerPlatform}. */
  async createContainer(spec: ContainerSpec, options: CreateOptions): Promise<string> {
    return await (await this.#ready(options.signal)).createContainer(spec, options);
  }

  /** See {@link ContainerPlatform}. */
  async startContainer(id: string, call?: CallOptions): Promise<void> {
    await (await this.#ready(call?.signal)).startContainer(id, call);
  }

  /** See {@link ContainerPlatform}. */
  async renameContainer(id: string, name: string, call?: CallOptions): Promise<void> {
    await (await this.#ready(call?.signal)).renameContainer(id, name, call);
  }

  /** See {@link ContainerPlatform}. */
  async attach(id: string, call?: CallOptions): Promise<Attachment> {
    return await (await this.#ready(call?.signal)).attach(id, call);
  }

  /** See {@link ContainerPlatform}. */
  async inspectContainer(id: string, call?: CallOptions): Promise<ContainerInfo> {
    return await (await this.#ready(call?.signal)).inspectContainer(id, call);
  }

  /** See {@link ContainerPlatform}. */
  async listContainers(options: ListOptions): Promise<readonly ContainerSummary[]> {
    return await (await this.#ready(options.signal)).listContainers(options);
  }

  /** See {@link ContainerPlatform}. */
  async removeContainer(id: string, options?: RemoveOptions): Promise<void> {
    await (await this.#ready(options?.signal)).removeContainer(id, options);
  }

  /** See {@link ContainerPlatform}. */
  async createVolume(
    name: string,
    labels: Readonly<Record<string, string>>,
    call?: CallOptions,
  ): Promise<Volume> {
    return await (await this.#ready(call?.signal)).createVolume(name, labels, call);
  }

  /** See {@link ContainerPlatform}. */
  async inspectVolume(name: string, call?: CallOptions): Promise<Volume | undefined> {
    return await (await this.#ready(call?.signal)).inspectVolume(name, call);
  }

  /** See {@link ContainerPlatform}. */
  async listVolumes(
    options: CallOptions & { readonly labels: Readonly<Record<string, string>> },
  ): Promise<readonly Volume[]> {
    return await (await this.#ready(options.signal)).listVolumes(options);
  }

  /** See {@link ContainerPlatform}. */
  async measureVolumes(call?: CallOptions): Promise<ReadonlyMap<string, number>> {
    return await (await this.#ready(call?.signal)).measureVolumes(call);
  }

  /** See {@link ContainerPlatform}. */
  async removeVolume(name: string, call?: CallOptions): Promise<void> {
    await (await this.#ready(call?.signal)).removeVolume(name, call);
  }

  /** See {@link ContainerPlatform}. */
  async hasImage(reference: string, call?: CallOptions): Promise<boolean> {
    return await (await this.#ready(call?.signal)).hasImage(reference, call);
  }

  /** See {@link ContainerPlatform}. */
  async inspectImage(reference: string, call?: CallOptions): Promise<ImageInfo | undefined> {
    return await (await this.#ready(call?.signal)).inspectImage(reference, call);
  }

  /** See {@link ContainerPlatform}. */
  async resources(call?: CallOptions): Promise<RuntimeResources> {
    return await (await this.#ready(call?.signal)).resources(call);
  }
}
