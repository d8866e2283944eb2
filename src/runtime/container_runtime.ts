/** What a place that runs containers must offer: Docker's engine is the first such place, a cluster can be the next. */
import type {
  Attachment,
  CallOptions,
  ContainerInspect,
  ContainerSpec,
  ContainerSummary,
} from "../docker/mod.ts";

/** Runs containers. The Engine of `docker/` satisfies it as it is. */
export interface ContainerRuntime {
  /** Creates a container and returns the host's own id of it. */
  createContainer(spec: ContainerSpec, options: { name: string } & CallOptions): Promise<string>;
  /** Starts PID 1. Returns false for one that runs already: of several calls at once, one starts it. */
  startContainer(id: string, call?: CallOptions): Promise<boolean>;
  /** Takes hold of PID 1's standard streams. */
  attach(id: string, call?: CallOptions): Promise<Attachment>;
  /** Looks at a container; `engine_not_found` where there is none. */
  inspectContainer(id: string, call?: CallOptions): Promise<ContainerInspect>;
  /** Lists containers that bear all of the labels, ended and never-started ones too with `all`. */
  listContainers(
    options: { labels: Readonly<Record<string, string>>; all?: boolean } & CallOptions,
  ): Promise<readonly ContainerSummary[]>;
  /** Ends and removes a container; one that is gone already counts as removed. */
  removeContainer(id: string, call?: CallOptions): Promise<void>;
}
