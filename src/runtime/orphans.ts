/** Removal of what servers that have died left behind. */
import { logger } from "../observability/log.ts";
import type { ContainerRuntime } from "./container_runtime.ts";
import { LABEL_INSTANCE, LABEL_ROLE } from "./labels.ts";
import type { Removals } from "./removals.ts";

const log = logger("host");

const ROLES = ["sandbox", "database", "lock"] as const;
/** A never-started container younger than this may be another live server's, just about to be started. */
const ORPHAN_AGE_MS = 5 * 60_000;
const LIST_MS = 10_000;

/**
 * Removes never-started containers of this program, of whichever server, that are older than five minutes: auto-remove does not touch
 * them. Running ones end by their own lease; containers of others are never touched.
 *
 * @param host Where to look.
 * @param now Milliseconds since the epoch.
 * @returns How many were removed.
 */
export async function sweepNeverStarted(
  host: Pick<ContainerRuntime, "listContainers" | "removeContainer">,
  now: number = Date.now(),
): Promise<number> {
  let removed = 0;
  for (const role of ROLES) {
    const found = await host.listContainers({
      labels: { [LABEL_ROLE]: role },
      all: true,
      deadlineMs: LIST_MS,
    });
    for (const container of found) {
      const ours = (container.labels[LABEL_INSTANCE] ?? "") !== "";
      const old = now - container.createdAt * 1000 > ORPHAN_AGE_MS;
      if (!ours || !old || container.state !== "created") continue;
      log.info("Removing a container that was never started: {id}", { id: container.id.slice(0, 12) });
      await host.removeContainer(container.id, { deadlineMs: LIST_MS });
      removed += 1;
    }
  }
  return removed;
}

/**
 * Removes every container of an instance, its lock excepted. Only for the holder of that lock, before it makes any of its own.
 *
 * @param host Where to look.
 * @param instance The instance.
 * @param removals Who removes them.
 * @returns How many there were; they are gone when `removals` says so.
 */
export async function removeOrphans(
  host: ContainerRuntime,
  instance: string,
  removals: Removals,
): Promise<number> {
  const labels = { [LABEL_INSTANCE]: instance };
  const found = await host.listContainers({ labels, all: true, deadlineMs: LIST_MS });
  const orphans = found.filter((container) => container.labels[LABEL_ROLE] !== "lock");
  for (const { id, names } of orphans) {
    log.info("Removing what an earlier server of this instance left: {id}", { id: id.slice(0, 12) });
    removals.remove({ name: names[0] ?? id, id });
  }
  return orphans.length;
}
