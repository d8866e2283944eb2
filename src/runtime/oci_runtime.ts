/** Compares the OCI runtime that runs a container, by the runtime's own report, with its specification. */
import { requireConfined } from "./attestation.ts";
import type { CallOptions, ContainerRuntime } from "./container_runtime.ts";
import type { ContainerSpec } from "./container_spec.ts";

/**
 * Compares the OCI runtime of an inspected container with its specification.
 *
 * @param spec What was asked for.
 * @param container The container.
 * @returns A phrase for a deviation; empty if no runtime was asked for, or if it is that one.
 */
export function verifyOciRuntime(
  { ociRuntime }: Pick<ContainerSpec, "ociRuntime">,
  container: { readonly ociRuntime: string },
): string[] {
  if (ociRuntime === undefined || container.ociRuntime === ociRuntime) return [];
  return [`the OCI runtime is ${container.ociRuntime || "unknown"} instead of ${ociRuntime}`];
}

/**
 * Refuses a created container that does not have the OCI runtime of its specification. Asks only where the specification names one, because it costs
 * a call.
 *
 * @param runtime Where the container is.
 * @param spec What was asked for.
 * @param container Its id, and its name for the message.
 * @param call Signal and deadline.
 * @throws {OmcpError} `sandbox_unsafe`, and the runtime's errors.
 */
export async function requireOciRuntime(
  runtime: Pick<ContainerRuntime, "inspectContainer">,
  spec: ContainerSpec,
  { id, name }: { readonly id: string; readonly name: string },
  call: CallOptions,
): Promise<void> {
  if (spec.ociRuntime === undefined) return;
  requireConfined(name, verifyOciRuntime(spec, await runtime.inspectContainer(id, call)));
}
