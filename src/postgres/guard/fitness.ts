import { SQLSTATE } from "./refusal.ts";
import type { StatementPlan } from "./types.ts";

/** The longest text that is looked at, in bytes of UTF-8. */
export const MAX_SQL_BYTES = 256 * 1024;

/**
 * The most words and signs of a text. They, not its bytes, are what parsing takes time and memory for. A list of 10,000 numbers
 * has as many, and takes 10 to 50 ms.
 */
export const MAX_PIECES = 20_000;

/** A run of letters and digits, or any other sign but white space. */
const PIECE = /[\p{L}\p{N}_]+|[^\s]/gu;

/**
 * Counts words and signs, also those within strings and comments: never fewer than PostgreSQL's tokens.
 *
 * @param sql The text.
 * @returns How many, or {@link MAX_PIECES} and one where there are more.
 */
export function countPieces(sql: string): number {
  PIECE.lastIndex = 0;
  let count = 0;
  while (count <= MAX_PIECES && PIECE.test(sql)) count += 1;
  return count;
}

/**
 * Refuses a text that is not even parsed: too long, or not what PostgreSQL takes for text.
 *
 * @param sql The text.
 * @returns The refusal, or undefined where it is fit.
 */
export function refuseUnfit(sql: string): StatementPlan | undefined {
  const refuse = (sqlstate: string, message: string, hint?: string): StatementPlan => {
    return { kind: "refuse", sqlstate, message, ...(hint === undefined ? {} : { hint }), normalized: null };
  };
  const bytes = sql.length > MAX_SQL_BYTES ? sql.length : new TextEncoder().encode(sql).byteLength;
  if (bytes > MAX_SQL_BYTES) {
    return refuse(
      SQLSTATE.limitExceeded,
      `the SQL text has at least ${bytes} bytes, and at most ${MAX_SQL_BYTES} are allowed`,
    );
  }
  if (sql.length > MAX_PIECES && countPieces(sql) > MAX_PIECES) {
    return refuse(
      SQLSTATE.tooComplex,
      `the SQL text has more than the ${MAX_PIECES} words and signs that are allowed`,
      "Use a join or a subquery in place of a long list",
    );
  }
  if (sql.includes("\0")) {
    return refuse(SQLSTATE.invalidText, "invalid byte sequence: the SQL text contains a NUL");
  }
  if (!sql.isWellFormed()) return refuse(SQLSTATE.invalidText, "invalid byte sequence for encoding UTF8");
  return undefined;
}
