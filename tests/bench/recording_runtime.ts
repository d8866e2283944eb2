import type {
  Attachment,
  CallOptions,
  ContainerInfo,
  ContainerRuntime,
  ContainerSpec,
  ContainerSummary,
  CreateOptions,
  ListOptions,
  RemoveOptions,
} from "../../src/runtime/mod.ts";

/** How long the runtime's calls of a creation take, in milliseconds. */
export interface EngineTimes {
  create: number;
  attach: number;
  start: number;
}

/** A runtime that records its last creation: the specification, and the duration of each step. */
export class RecordingRuntime implements ContainerRuntime {
  /** The last container's specification. */
  spec: ContainerSpec | undefined;
  /** The last container's id. */
  lastId = "";
  /** The last container's times. */
  readonly times: EngineTimes = { create: 0, attach: 0, start: 0 };
  readonly #runtime: ContainerRuntime;

  /** @param runtime The runtime that does the work. */
  constructor(runtime: ContainerRuntime) {
    this.#runtime = runtime;
  }

  async createContainer(spec: ContainerSpec, options: CreateOptions): Promise<string> {
    this.spec = spec;
    this.lastId = await this.#timed("create", () => this.#runtime.createContainer(spec, options));
    return this.lastId;
  }

  startContainer(id: string, call?: CallOptions): Promise<void> {
    return this.#timed("start", () => this.#runtime.startContainer(id, call));
  }

  attach(id: string, call?: CallOptions): Promise<Attachment> {
    return this.#timed("attach", () => this.#runtime.attach(id, call));
  }

  renameContainer(id: string, name: string, call?: CallOptions): Promise<void> {
    return this.#runtime.renameContainer(id, name, call);
  }

  inspectContainer(id: string, call?: CallOptions): Promise<ContainerInfo> {
    return this.#runtime.inspectContainer(id, call);
  }

  listContainers(options: ListOptions): Promise<readonly ContainerSummary[]> {
    return this.#runtime.listContainers(options);
  }

  removeContainer(id: string, options?: RemoveOptions): Promise<void> {
    return this.#runtime.removeContainer(id, options);
  }

  async #timed<T>(step: keyof EngineTimes, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      this.times[step] = performance.now() - start;
    }
  }
}
