/** Errors of the database where rows must not leave it. */
import { OmcpError } from "../../errors.ts";
import { NOT_RELEASED } from "./not_released.ts";

/**
 * An error as a caller may see it: the database's own message can contain a value of a row.
 *
 * @param error What was thrown.
 */
export function withoutValues(error: unknown): unknown {
  if (!(error instanceof OmcpError) || error.code !== "database_refused") return error;
  const { sqlstate } = error.details;
  return new OmcpError("database_refused", "The database could not compute the query", {
    state: NOT_RELEASED,
    next: "Ask for fewer groups or narrower filters.",
    ...(sqlstate === undefined ? {} : { details: { sqlstate } }),
  });
}
