import { type RawBuilder, sql } from "kysely";

/**
 * A clause of several parts; empty without parts.
 *
 * @param clause What is before them, such as ` where `: text of this program.
 * @param parts The parts.
 * @param separator What is between them: text of this program.
 */
export function listed(
  clause: string,
  parts: readonly RawBuilder<unknown>[],
  separator = ", ",
): RawBuilder<unknown> {
  return parts.length === 0 ? sql`` : sql`${sql.raw(clause)}${sql.join(parts, sql.raw(separator))}`;
}
