import type {
  Attachment,
  CallOptions,
  ContainerInspect,
  ContainerSpec,
  ContainerSummary,
  Engine,
} from "../../src/docker/mod.ts";
import type { ContainerRuntime } from "../../src/runtime/mod.ts";

/** The engine's own part of a creation, in milliseconds. */
export interface EngineTimes {
  create: number;
  attach: number;
  start: number;
}

/** The engine, with a note of what it was last asked to make and how long it took. */
export class RecordingHost implements ContainerRuntime {
  /** The last container's specification. */
  spec: ContainerSpec | undefined;
  /** The last container's id. */
  lastId = "";
  /** The last container's times. */
  readonly times: EngineTimes = { create: 0, attach: 0, start: 0 };
  readonly #engine: Engine;

  /** @param engine Who does the work. */
  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async createContainer(spec: ContainerSpec, options: { name: string } & CallOptions): Promise<string> {
    this.spec = spec;
    this.lastId = await this.#timed("create", () => this.#engine.createContainer(spec, options));
    return this.lastId;
  }

  startContainer(id: string, call?: CallOptions): Promise<boolean> {
    return this.#timed("start", () => this.#engine.startContainer(id, call));
  }

  attach(id: string, call?: CallOptions): Promise<Attachment> {
    return this.#timed("attach", () => this.#engine.attach(id, call));
  }

  inspectContainer(id: string, call?: CallOptions): Promise<ContainerInspect> {
    return this.#engine.inspectContainer(id, call);
  }

  listContainers(
    options: { labels: Readonly<Record<string, string>>; all?: boolean } & CallOptions,
  ): Promise<readonly ContainerSummary[]> {
    return this.#engine.listContainers(options);
  }

  removeContainer(id: string, call?: CallOptions): Promise<void> {
    return this.#engine.removeContainer(id, call);
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
