import { quoteIdentifier } from "../../lib/sql.ts";
import { type SessionSettings } from "../upstream/mod.ts";
import type { BrokerLimits } from "./limits.ts";

/**
 * The time limits of every session. A client may only make them stricter.
 *
 * @param limits What they come from.
 * @returns Milliseconds by setting.
 */
export function timeLimits(limits: BrokerLimits): ReadonlyMap<string, number> {
  return new Map([
    ["statement_timeout", limits.statementMs],
    ["lock_timeout", limits.lockMs],
    ["idle_in_transaction_session_timeout", limits.idleInTransactionMs],
  ]);
}

/**
 * The server parameters of every session. They are sent in the startup packet, which makes them the session's own defaults:
 * RESET, RESET ALL and DISCARD ALL return to them, and nothing has to be put back.
 *
 * @param cdmSchema The schema in which unqualified names are looked up, after pg_catalog.
 * @param limits Time limits among them.
 * @returns Parameters by name.
 */
export function sessionSettings(cdmSchema: string, limits: BrokerLimits): SessionSettings {
  return {
    default_transaction_read_only: "on",
    search_path: quoteIdentifier(cdmSchema),
    ...Object.fromEntries(
      [...timeLimits(limits)].map(([name, milliseconds]) => [name, String(milliseconds)]),
    ),
    standard_conforming_strings: "on",
    datestyle: "ISO",
    intervalstyle: "postgres",
    bytea_output: "hex",
    row_security: "on",
    // Without it, planning a join of twenty tables takes gigabytes.
    geqo: "on",
  };
}
