/** Removal of what servers left that ended without cleaning up. */
import { logger } from "../observability/log.ts";
import type { ContainerRuntime, ContainerSummary } from "./container_runtime.ts";
import { CONTAINER_ROLES, LABEL_INSTANCE, LABEL_ROLE } from "./labels.ts";
import type { Removals } from "./removals.ts";

const log = logger("runtime");

/** A younger one may belong to another live server that is about to start it. */
const ORPHAN_AGE_MS = 5 * 60_000;
const CALL_MS = 10_000;

/**
 * Removes containers of this program, of any server, that are older than five minutes and were never started: the engine's auto-remove
 * ignores those. Running ones end by their own lease.
 *
 * @param runtime Where to look.
 * @param now Milliseconds since the epoch.
 * @returns How many it removed.
 */
export async function removeOrphans(
  runtime: Pick<ContainerRuntime, "listContainers" | "removeContainer">,
  now: number = Date.now(),
): Promise<number> {
  let removed = 0;
  for (const role of CONTAINER_ROLES) {
    const found = await runtime.listContainers({
      labels: { [LABEL_ROLE]: role },
      all: true,
      deadlineMs: CALL_MS,
    });
    for (const { id, name, labels, status, createdAt } of found) {
      const ours = (labels[LABEL_INSTANCE] ?? "") !== "";
      if (!ours || status !== "created" || now - createdAt <= ORPHAN_AGE_MS) continue;
      log.info("Removing container {name}, which was never started", { name });
      await runtime.removeContainer(id, { deadlineMs: CALL_MS });
      removed += 1;
    }
  }
  return removed;
}

/**
 * Removes every container of an instance except its lock and its sandboxes. Only for the holder of that lock, before it creates any of its
 * own.
 *
 * @param runtime Where to look.
 * @param instance The instance.
 * @param removals Removes them, and reports when they have gone.
 * @returns The sandboxes, which their users may still need.
 */
export async function removeInstanceContainers(
  runtime: Pick<ContainerRuntime, "listContainers">,
  instance: string,
  removals: Removals,
): Promise<readonly ContainerSummary[]> {
  const labels = { [LABEL_INSTANCE]: instance };
  const found = await runtime.listContainers({ labels, all: true, deadlineMs: CALL_MS });
  for (const { id, name, labels } of found) {
    if (labels[LABEL_ROLE] === "lock" || labels[LABEL_ROLE] === "sandbox") continue;
    log.info("Removing container {name}, which an earlier server of this instance left", { name });
    removals.remove({ name, id });
  }
  return found.filter(({ labels }) => labels[LABEL_ROLE] === "sandbox");
}
