/** The error for a query that the database refused, with a next step that fits its cause. */
import { OmcpError } from "../../errors.ts";

/** What psycopg reports. */
export interface ReportedError {
  /** Null where the connection failed: libpq has no SQLSTATE then. */
  readonly sqlstate: string | null;
  /** The message, with a line for the hint if there is one. */
  readonly message: string;
}

/** Next steps by SQLSTATE, the longest beginning that fits. */
const NEXT: Readonly<Record<string, string>> = {
  "22012": "Divide by nullif(…, 0).",
  "22": "Convert or leave out the value that does not fit, as in nullif(value, '').",
  "42601": "Correct the syntax, which is PostgreSQL's.",
  "42703": "Look up the column: describe_cdm with table lists its columns.",
  "42P01": "Look up the table: describe_cdm lists the tables.",
  "42803": "Add the column to GROUP BY, or aggregate it.",
  "42883": "Check the function's name and the types of its arguments; cast them where they differ.",
  "42": "Correct the statement there.",
};
/** The line of the SQL that psycopg shows, and the mark under it, which means nothing in a sentence. */
const PLACE = /\nLINE (\d+): (.*)(?:\n *\^)?/;
const HINT = /^HINT:\s*(.+)$/m;

/**
 * Builds the error. Its next step is the database's own hint, which fits the cause best; without a hint, the SQLSTATE decides.
 *
 * @param answer What psycopg reports.
 * @returns `database_unavailable` if waiting may help or the operator must act, else `database_refused`.
 */
export function queryError({ sqlstate, message }: ReportedError): OmcpError {
  const [line = "", hint] = HINT.exec(message) ?? [];
  // Class 58 is a failure of the server's own system, such as an audit that cannot be written.
  const broken = sqlstate?.startsWith("58") === true;
  // A refused connection whose hint is not to wait: the caller can act, for example close a connection.
  const callerCanAct = sqlstate === null && hint !== undefined && !hint.startsWith("Try again");
  const unavailable = !callerCanAct &&
    (sqlstate === null || broken || sqlstate.startsWith("08") || sqlstate.startsWith("57P"));
  const next = broken
    ? "Ask the server's operator: the server's log has the cause."
    : hint ?? (unavailable ? "Try again in a moment." : nextFor(sqlstate ?? ""));
  const reason = (broken || hint === undefined ? message : message.replace(line, "")).replace(
    PLACE,
    " (line $1: $2)",
  );
  return new OmcpError(
    unavailable ? "database_unavailable" : "database_refused",
    `The database reported: ${reason.trim()}`,
    {
      state: "No DataFrame was created; the sandbox's variables are kept.",
      next: /[.!?]$/.test(next) ? next : `${next}.`,
      details: { sqlstate },
    },
  );
}

function nextFor(sqlstate: string): string {
  return NEXT[sqlstate] ?? NEXT[sqlstate.slice(0, 2)] ??
    "Correct what the message names, and repeat the call.";
}
