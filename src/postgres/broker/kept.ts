import type { StartupParameters } from "../wire/opening.ts";
import type { BrokerLimits } from "./limits.ts";

/** The application_name of connections that the package `omcp` keeps between queries, as in src/guest/omcp/_kept.py. */
const KEPT_NAME = "omcp kept";
/** How long one is idle at most, in ms: each costs the database a process. */
const KEPT_IDLE_MS = 60_000;

/**
 * Whether a client's connection is one that gives way to others. Any code may give its connection this name: it then shares this fate.
 *
 * @param parameters Its startup packet's.
 */
export function isKept(parameters: StartupParameters): boolean {
  return parameters.some(([name, value]) => name === "application_name" && value === KEPT_NAME);
}

/**
 * The limits of such a connection.
 *
 * @param limits Those of others.
 */
export function keptLimits(limits: BrokerLimits): BrokerLimits {
  return { ...limits, idleMs: Math.min(limits.idleMs, KEPT_IDLE_MS) };
}
