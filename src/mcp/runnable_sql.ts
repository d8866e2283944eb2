import { quoteLiteral } from "../lib/sql.ts";

/** Matches quoted names and literals, in which `$1` is text, and placeholders. */
const TOKENS = /"(?:[^"]|"")*"|'(?:[^']|'')*'|\$(\d+)/g;

/**
 * Puts parameters into an SQL text as literals. PostgreSQL infers the type of an untyped literal from its context, as it does for a
 * parameter that is sent as text.
 *
 * @param sql PostgreSQL with `$1`, `$2`… for the parameters.
 * @param parameters Their values; without NUL.
 * @returns SQL that runs as it is.
 */
export function runnableSql(sql: string, parameters: readonly (string | number)[]): string {
  return sql.replace(TOKENS, function literal(token: string, number: string | undefined) {
    if (number === undefined) return token;
    const value = parameters[Number(number) - 1];
    if (value === undefined) return token;
    return typeof value === "number" ? String(value) : quoteLiteral(value);
  });
}
