/** Removal of what a server that died in the midst of a creation left: auto-remove does not touch a container that was never started. */
import { logger } from "../observability/log.ts";
import type { ContainerHost } from "./container_host.ts";
import { LABEL_INSTANCE, LABEL_ROLE } from "./labels.ts";

const log = logger("host");

/** A never-started container younger than this may be another live server's, just about to be started. */
const ORPHAN_AGE_MS = 5 * 60_000;

/**
 * Removes never-started containers of this program, of whichever server, that are older than five minutes.
 * Running ones end by their own lease; containers of others are never touched.
 *
 * @param host Where to look.
 * @param now Milliseconds since the epoch.
 * @returns How many were removed.
 */
export async function sweepNeverStarted(host: ContainerHost, now: number = Date.now()): Promise<number> {
  let removed = 0;
  for (const role of ["sandbox", "database"]) {
    const found = await host.listContainers({ labels: { [LABEL_ROLE]: role }, all: true, deadlineMs: 5000 });
    for (const container of found) {
      const ours = (container.labels[LABEL_INSTANCE] ?? "") !== "";
      const old = now - container.createdAt * 1000 > ORPHAN_AGE_MS;
      if (!ours || !old || container.state !== "created") continue;
      log.info("Removing a container that was never started: {id}", { id: container.id.slice(0, 12) });
      await host.removeContainer(container.id, { deadlineMs: 10_000 });
      removed += 1;
    }
  }
  return removed;
}
