import type { EngineInfo } from "../../docker/mod.ts";
import { logger } from "../../observability/log.ts";

const log = logger("postgres");

/** More does not make the queries of a few sandboxes faster. */
const MOST = 4;
/** What the server and the sandboxes keep of the machine, however busy the database is. */
const PART = 0.75;

/**
 * How many processors' time a local database may take.
 *
 * @param engine What the engine says of itself.
 * @returns The number; undefined where the engine cannot limit it, which the log says.
 */
export function databaseProcessors(
  engine: Pick<EngineInfo, "cpus" | "cpuQuota">,
): number | undefined {
  if (engine.cpuQuota) return Math.min(MOST, engine.cpus * PART);
  log.warning("The engine cannot limit processor time: the local database may take all of it");
  return undefined;
}
