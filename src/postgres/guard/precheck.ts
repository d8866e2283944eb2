import { countTokens, type TokenCount } from "./token_count.ts";
import { SQLSTATE } from "./refusal.ts";
import type { StatementPlan } from "./statement_plan.ts";

/** The longest text that is read, in bytes of UTF-8. */
export const MAX_SQL_BYTES = 256 * 1024;

/**
 * Limits of a text. Tokens and comments, not bytes, cost the parser time and memory: a list of 10,000 numbers has 20,000
 * tokens and takes 10 to 50 ms.
 */
const MOST: TokenCount = { tokens: 20_000, comments: 2_000 };

/**
 * Refuses a text before it is parsed: too long, too many tokens, or not valid text for PostgreSQL.
 *
 * @param sql The text.
 * @returns The refusal, or undefined if the text may be parsed.
 */
export function precheck(sql: string): StatementPlan | undefined {
  const refuse = (sqlstate: string, message: string, hint: string): StatementPlan => {
    return { kind: "refuse", sqlstate, message, hint, normalized: null };
  };
  const bytes = sql.length > MAX_SQL_BYTES ? sql.length : new TextEncoder().encode(sql).byteLength;
  if (bytes > MAX_SQL_BYTES) {
    return refuse(
      SQLSTATE.limitExceeded,
      `the SQL text has at least ${bytes} bytes, and at most ${MAX_SQL_BYTES} are allowed`,
      "Split it, or load long lists into a DataFrame and join there",
    );
  }
  // A shorter text cannot have that many.
  if (sql.length > 2 * MOST.comments) {
    const { tokens, comments } = countTokens(sql, MOST);
    if (tokens > MOST.tokens) {
      return refuse(
        SQLSTATE.tooComplex,
        `the SQL text has more than the ${MOST.tokens} tokens that are allowed`,
        "A literal is one token; white space and comments do not count. Use a join or a subquery in place of a long list",
      );
    }
    if (comments > MOST.comments) {
      return refuse(
        SQLSTATE.tooComplex,
        `the SQL text has more than the ${MOST.comments} comments that are allowed`,
        "Leave comments out",
      );
    }
  }
  if (sql.includes("\0")) {
    return refuse(
      SQLSTATE.invalidText,
      "invalid byte sequence: the SQL text contains a NUL",
      "Remove the character U+0000",
    );
  }
  if (sql.isWellFormed()) return undefined;
  return refuse(
    SQLSTATE.invalidText,
    "invalid byte sequence for encoding UTF8",
    "Encode the text as UTF-8, without lone surrogates",
  );
}
