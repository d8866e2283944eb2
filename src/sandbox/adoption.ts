/** Takes over the sandboxes that an earlier server of the instance left, and removes those that it cannot or must not take over. */
import { OmcpError } from "../errors.ts";
import { DeadlineSignal } from "../lib/async/deadline.ts";
import { Semaphore } from "../lib/async/semaphore.ts";
import { SYSTEM_CLOCK } from "../lib/clock.ts";
import { errorMessage } from "../lib/error_message.ts";
import { logger } from "../observability/log.ts";
import type { ContainerSummary, Removals } from "../runtime/mod.ts";
import type { CreatorOptions } from "./creator.ts";
import { restoreExecutions } from "./executions/restore.ts";
import { type AdoptedSandbox, adoptSandbox, readOrigin, type SandboxOrigin } from "./factory.ts";
import { ownedName, type Ownership, readOwnership } from "./ownership.ts";
import type { SandboxPolicy } from "./policy.ts";
import type { SandboxRegistry } from "./registry.ts";
import { requestedPolicy } from "./resources.ts";
import { Sandbox } from "./sandbox.ts";
import type { Slot } from "./slots.ts";

const log = logger("sandbox");

/** How long taking over one sandbox may take, ms. */
const ADOPT_MS = 12_000;
const AT_ONCE = 8;

/** What {@link adoptSandboxes} works with. */
export interface AdoptionParts {
  readonly options: CreatorOptions;
  readonly registry: SandboxRegistry;
  readonly removals: Removals;
  /** Aborted when the server ends. */
  readonly closing: AbortSignal;
}

/** A sandbox that is to be taken over, with its slot. */
interface Candidate {
  readonly container: ContainerSummary;
  readonly ownership: Ownership;
  readonly origin: SandboxOrigin;
  readonly policy: SandboxPolicy;
  readonly slot: Slot;
}

/**
 * Takes over sandboxes. The runtime's records decide. A sandbox is removed if it has no owner, has expired or is not confined as the present
 * settings say, or if its agent does not answer. Their slots are taken before this function first waits.
 *
 * @param containers The instance's sandboxes. Only for the holder of the instance's lock.
 * @param parts See {@link AdoptionParts}.
 * @returns How many were taken over. Never throws.
 */
export async function adoptSandboxes(
  containers: readonly ContainerSummary[],
  parts: AdoptionParts,
): Promise<number> {
  const candidates: Candidate[] = [];
  for (const container of containers) {
    const found = classify(container, parts);
    if (typeof found === "string") drop(container, found, parts);
    else candidates.push(found);
  }
  candidates.sort((one, other) => one.ownership.createdAt - other.ownership.createdAt);
  const permits = new Semaphore(AT_ONCE, candidates.length);
  const adopted = await Promise.all(candidates.map(async (candidate) => {
    const sandbox = await adopt(candidate, parts, permits);
    return sandbox === undefined ? [] : [{ sandbox, slot: candidate.slot }];
  }));
  // Now, so that they are listed in their order.
  for (const { sandbox, slot } of adopted.flat()) parts.registry.add(sandbox, slot);
  const count = adopted.flat().length;
  if (containers.length > 0) {
    log.info("Took over {count} of {found} sandboxes of an earlier server", {
      count,
      found: containers.length,
    });
  }
  return count;
}

/** The candidate, or why the container must be removed. */
function classify(container: ContainerSummary, { options, registry }: AdoptionParts): Candidate | string {
  const { clock = SYSTEM_CLOCK, policy, maximum = policy, lifetimeMs, readable } = options;
  const ownership = readOwnership(container.name);
  const origin = readOrigin(container.labels);
  if (ownership === undefined || origin?.id !== ownership.id) return "it has no owner";
  if (container.status !== "running") return `it is ${container.status}`;
  if (clock.wall() - ownership.createdAt >= lifetimeMs) {
    return `its lifetime of ${lifetimeMs / 1000} s is over`;
  }
  if (origin.readable !== readable) {
    return "its code could read other data than the settings allow, and may have kept it";
  }
  if (origin.ociRuntime !== policy.ociRuntime) {
    const names = [origin.ociRuntime, policy.ociRuntime].map((name) => name ?? "the engine's default");
    return `its OCI runtime is ${names[0]}, and the settings say ${names[1]}`;
  }
  try {
    const requested = requestedPolicy(policy, origin.asked, maximum);
    const slot = registry.reserveAnyway(requested.memoryBytes);
    return { container, ownership, origin, policy: requested, slot };
  } catch (error) {
    return `the settings do not allow it any more: ${errorMessage(error)}`;
  }
}

async function adopt(
  candidate: Candidate,
  parts: AdoptionParts,
  permits: Semaphore,
): Promise<Sandbox | undefined> {
  const { container, ownership, origin, policy, slot } = candidate;
  const { options, removals, closing } = parts;
  using deadline = new DeadlineSignal(ADOPT_MS, closing);
  const { signal } = deadline;
  // A server that does not know yet that it has lost the instance does not know the new name, and so cannot remove the container.
  const name = ownedName(ownership);
  let sandbox: Sandbox | undefined;
  try {
    using _permit = await permits.acquire(signal);
    await options.runtime.renameContainer(container.id, name, { signal });
    const adopted = await adoptSandbox({
      ...options,
      removals,
      id: ownership.id,
      name,
      uid: origin.uid,
      image: origin.image,
      imageName: origin.asked.image ?? options.image,
      asked: origin.asked,
      policy,
      signal,
    });
    sandbox = sandboxOf(candidate, adopted, options);
    await restoreExecutions(sandbox, adopted.container.channel, adopted.journal.executions, {
      signal,
      // It cannot have been without a server for longer.
      unrecordedMs: options.leaseSeconds * 1000,
      record: options.recordResumed,
    });
    return sandbox;
  } catch (error) {
    sandbox?.detach();
    // Another server may take it over.
    if (closing.aborted) return undefined;
    const why = error instanceof OmcpError ? `${error.code}: ${error.message}` : errorMessage(error);
    const removal = drop({ ...container, name }, `it could not be taken over: ${why}`, parts);
    void removal.then(() => slot.release());
    return undefined;
  }
}

function sandboxOf(
  { ownership, origin, policy }: Candidate,
  adopted: AdoptedSandbox,
  options: CreatorOptions,
): Sandbox {
  const { clock = SYSTEM_CLOCK } = options;
  const { cells, executions } = adopted.journal;
  const running = executions.filter(({ silent, endedMs }) => !silent && endedMs === null).length;
  return new Sandbox({
    ...options,
    ...adopted,
    image: origin.image,
    asked: origin.asked,
    memoryBytes: policy.memoryBytes,
    owner: ownership.owner,
    // The clock may have been set back meanwhile.
    createdAt: Math.min(ownership.createdAt, clock.wall()),
    idleMs: ownership.idleMs,
    cells: cells + running,
  });
}

/** Removes a container; what has an owner is remembered, so that its user learns why it is gone. */
function drop(
  container: ContainerSummary,
  reason: string,
  { options, registry, removals }: AdoptionParts,
): Promise<void> {
  const { name, id } = container;
  log.info("Removing container {name} of an earlier server: {reason}", { name, reason });
  const ownership = readOwnership(name);
  if (ownership !== undefined) {
    const { createdAt, idleMs } = ownership;
    registry.addTombstone({
      sandboxId: ownership.id,
      state: "lost",
      createdAt,
      lastUsedAt: createdAt,
      idleMs,
      endsAt: createdAt + options.lifetimeMs,
      cells: 0,
      asked: {},
      reason,
    });
  }
  return removals.remove({ name, id }).removed;
}
