/** The error of a query that the database refused, with a next step that fits its cause. */
import { OmcpError } from "../../errors.ts";

/** What psycopg reports. */
export interface DatabaseAnswer {
  /** Null where no connection was made: libpq has no SQLSTATE then. */
  readonly sqlstate: string | null;
  /** The message, with a line for the hint if there is one. */
  readonly message: string;
}

const HINT = /^HINT:\s*(.+)$/m;

/**
 * Builds the error. The database's own hint, which knows the cause, is the next step; only without one does the SQLSTATE decide.
 *
 * @param answer What psycopg reports.
 * @returns `database_unavailable` if waiting may help or the operator must act, else `database_refused`.
 */
export function queryError({ sqlstate, message }: DatabaseAnswer): OmcpError {
  const [line = "", hint] = HINT.exec(message) ?? [];
  // Class 58 is a failure of the server's own system, such as an audit that cannot be written.
  const broken = sqlstate?.startsWith("58") === true;
  // A refused connection with a hint at something else than patience, such as one connection too many.
  const callersOwn = sqlstate === null && hint !== undefined && !hint.startsWith("Try again");
  const unavailable = !callersOwn &&
    (sqlstate === null || broken || sqlstate.startsWith("08") || sqlstate.startsWith("57P"));
  const next = broken
    ? "Tell the server's operator: the server's log has the cause."
    : hint ?? (unavailable ? "Try again in a moment." : "Change the query accordingly.");
  const stated = broken || hint === undefined ? message : message.replace(line, "");
  return new OmcpError(
    unavailable ? "database_unavailable" : "database_refused",
    `The database answered: ${stated.trim()}`,
    {
      state: "There is no new DataFrame; the sandbox's variables are kept.",
      next: /[.!?]$/.test(next) ? next : `${next}.`,
      details: { sqlstate },
    },
  );
}
