import { logger } from "../../observability/log.ts";
import type { RuntimeResources } from "../../runtime/mod.ts";

const log = logger("postgres");

/** More do not make the queries of a few sandboxes faster. */
const MAX_CPUS = 4;
/** The rest is for the server and the sandboxes, however busy the database is. */
const MAX_FRACTION = 0.75;

/**
 * The CPU quota of a local database.
 *
 * @param resources What the runtime has.
 * @returns CPUs' worth of time; undefined if the runtime cannot limit it, which is logged.
 */
export function databaseProcessors(
  { cpus, cpuQuota }: Pick<RuntimeResources, "cpus" | "cpuQuota">,
): number | undefined {
  if (cpuQuota) return Math.min(MAX_CPUS, cpus * MAX_FRACTION);
  log.warning("The engine cannot limit CPU time: the local database may take all of it");
  return undefined;
}
