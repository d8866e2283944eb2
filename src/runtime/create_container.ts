import { OmcpError } from "../errors.ts";
import type { ContainerRuntime } from "./container_runtime.ts";
import type { ContainerSpec } from "./container_spec.ts";
import type { Removals } from "./removals.ts";

/** After these errors of a creation, the runtime has created nothing. */
const NOT_CREATED: ReadonlySet<string> = new Set([
  "engine_conflict",
  "engine_not_found",
  "engine_refused",
  "engine_unreachable",
  "image_missing",
  "invalid_argument",
]);

/** What {@link createContainer} needs. */
export interface CreateContainerOptions {
  /** Where it is created. */
  readonly runtime: ContainerRuntime;
  /** Removes what a failed creation may leave. */
  readonly removals: Removals;
  /** The container. */
  readonly spec: ContainerSpec;
  /** Its name in the runtime; unique. */
  readonly name: string;
  /** How long the runtime may take, ms. */
  readonly deadlineMs: number;
}

/**
 * Creates a container, or has `removals` remove what a failed creation leaves. Not abortable: the engine would continue, and create the
 * container after its removal.
 *
 * @param options See {@link CreateContainerOptions}.
 * @returns Its id.
 * @throws {OmcpError} The runtime's errors.
 */
export async function createContainer(options: CreateContainerOptions): Promise<string> {
  const { runtime, removals, spec, name, deadlineMs } = options;
  try {
    return await runtime.createContainer(spec, { name, deadlineMs });
  } catch (error) {
    if (mayHaveCreated(error)) {
      // Without the runtime's own answer the creation may still be in progress.
      const answered = error instanceof OmcpError && typeof error.details.status === "number";
      removals.remove({ name, mayAppear: !answered });
    }
    throw error;
  }
}

/**
 * Whether a container may exist, or may still appear, although its creation failed.
 *
 * @param error What the creation threw.
 */
export function mayHaveCreated(error: unknown): boolean {
  return !(error instanceof OmcpError && NOT_CREATED.has(error.code));
}
