/** The conditions of a typed query as a caller wrote it, read or not. */
import { isRecord } from "../../lib/is_record.ts";

/** A condition. */
export interface WrittenCondition {
  /** The table of the query, or of the criterion of persons, that it is in. */
  readonly table: string;
  /** The column's text in lower case, with its prefixes. */
  readonly column: string;
  readonly op: unknown;
  readonly value: unknown;
  /** Whether it must not hold: within `not` or `without`. */
  readonly negated: boolean;
}

/** The parts of a query whose conditions must not hold. */
const NEGATING: ReadonlySet<string> = new Set(["not", "without"]);

/**
 * Finds conditions wherever they are: in filters, within `or`, and in criteria of persons, which have a table of their own.
 *
 * @param part A query or a part of one; what is not a condition is ignored.
 * @param table The table that the part is about.
 * @param negated Whether the part must not hold. @default false
 */
export function conditionsIn(part: unknown, table: string, negated = false): readonly WrittenCondition[] {
  if (Array.isArray(part)) return part.flatMap((each) => conditionsIn(each, table, negated));
  if (!isRecord(part)) return [];
  const own = typeof part["table"] === "string" ? part["table"].toLowerCase() : table;
  const { column, op, value } = part;
  if (typeof column === "string" && op !== undefined) {
    return [{ table: own, column: column.toLowerCase(), op, value, negated }];
  }
  return Object.entries(part).flatMap(([name, each]) =>
    conditionsIn(each, own, negated !== NEGATING.has(name))
  );
}
