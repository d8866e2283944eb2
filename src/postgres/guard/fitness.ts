import { SQLSTATE } from "./refusal.ts";
import type { StatementPlan } from "./types.ts";

/** The longest text that is looked at, in bytes of UTF-8. */
export const MAX_SQL_BYTES = 256 * 1024;

/**
 * Refuses a text that is not even parsed: too long, or not what PostgreSQL takes for text.
 *
 * @param sql The text.
 * @returns The refusal, or undefined where it is fit.
 */
export function refuseUnfit(sql: string): StatementPlan | undefined {
  const refuse = (sqlstate: string, message: string): StatementPlan => {
    return { kind: "refuse", sqlstate, message, normalized: null };
  };
  const bytes = sql.length > MAX_SQL_BYTES ? sql.length : new TextEncoder().encode(sql).byteLength;
  if (bytes > MAX_SQL_BYTES) {
    return refuse(
      SQLSTATE.limitExceeded,
      `the SQL text has at least ${bytes} bytes, and at most ${MAX_SQL_BYTES} are allowed`,
    );
  }
  if (sql.includes("\0")) {
    return refuse(SQLSTATE.invalidText, "invalid byte sequence: the SQL text contains a NUL");
  }
  if (!sql.isWellFormed()) return refuse(SQLSTATE.invalidText, "invalid byte sequence for encoding UTF8");
  return undefined;
}
