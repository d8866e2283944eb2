/** Reads a part of a query that the query's own schema leaves open. */
import type * as z from "zod";
import { OmcpError } from "../../errors.ts";
import { argumentIssues } from "../../lib/argument_error.ts";

/** How a part is read. */
interface Part<T> {
  readonly schema: z.ZodType<T>;
  /** Where it is, for the error. */
  readonly where: string;
  /** Fields that a caller may expect → what to write. */
  readonly hints: ReadonlyMap<string, string>;
  /** What to write, for the error. */
  readonly next: string;
}

/**
 * Checks a part of a query.
 *
 * @param part The part as received.
 * @param how See {@link Part}.
 * @returns The part.
 * @throws {OmcpError} `invalid_argument` with the first problem.
 */
export function readPart<T>(part: unknown, { schema, where, hints, next }: Part<T>): T {
  const parsed = schema.safeParse(part);
  if (parsed.success) return parsed.data;
  const [{ path, message } = { path: "", message: "unknown" }] = argumentIssues(parsed.error, {
    schema,
    input: part,
    unknownArgument: (name) => hints.get(name),
  });
  const place = path === "" ? where : `${where}.${path}`;
  throw new OmcpError("invalid_argument", `Cannot read ${place}: ${message}`, { next });
}
