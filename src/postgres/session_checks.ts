/** What the first session of a database must be like. */
import { OmcpError } from "../errors.ts";
import { logger } from "../observability/log.ts";
import { ask, type UpstreamSession } from "./upstream/mod.ts";

const log = logger("postgres");

/**
 * Whether the process id is the server's own: a pooler gives its own numbers.
 *
 * @param session The session.
 * @param signal Ends the wait.
 */
export async function isDirect(session: UpstreamSession, signal: AbortSignal): Promise<boolean> {
  const rows = await ask(session, "SELECT pg_catalog.pg_backend_pid()", signal);
  const direct = rows[0]?.[0] === String(session.key?.processId);
  if (!direct) log.warning("A pooler is in the way: statements that ignore their cancel cannot be ended");
  return direct;
}

/**
 * Requires the settings of the startup packet: a pooler may have dropped them.
 *
 * @param parameters What the server reported.
 * @throws {OmcpError} `database_unavailable`.
 */
export function requireSettings(parameters: ReadonlyMap<string, string>): void {
  const wanted = {
    client_encoding: "UTF8",
    standard_conforming_strings: "on",
    default_transaction_read_only: "on",
  };
  for (const [name, value] of Object.entries(wanted)) {
    const found = parameters.get(name);
    // Servers before 14 do not report the last of them.
    if (found === value || found === undefined && name === "default_transaction_read_only") continue;
    throw new OmcpError(
      "database_unavailable",
      `Database session has ${name}=${found ?? "unknown"} where ${value} was asked for`,
      {
        next: "Connect to the server itself, or to a pooler that passes startup options on.",
        retryable: false,
      },
    );
  }
}
