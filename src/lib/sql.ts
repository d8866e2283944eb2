import { OmcpError } from "../errors.ts";
import { utf8Bytes } from "./bytes.ts";

/** The longest name that PostgreSQL keeps whole, in bytes (NAMEDATALEN - 1). */
const MAX_NAME_BYTES = 63;

/**
 * Writes a text as an SQL literal (with `standard_conforming_strings` on).
 *
 * @param text Text without NUL.
 * @returns The literal with its quotes.
 */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/**
 * Writes a name as an SQL identifier. The guard has a function of its own, because its worker can only read the guard's folder.
 *
 * @param name The name.
 * @returns The identifier with its quotes.
 * @throws {OmcpError} `invalid_argument` when it is empty, longer than PostgreSQL keeps (63 bytes), or has a NUL.
 */
export function quoteIdentifier(name: string): string {
  const bytes = utf8Bytes(name);
  if (bytes === 0 || bytes > MAX_NAME_BYTES || name.includes("\0")) {
    const shown = JSON.stringify(name.slice(0, 80));
    throw new OmcpError(
      "invalid_argument",
      `Cannot use ${shown} as an SQL name: must be 1 to ${MAX_NAME_BYTES} bytes without NUL; received ${bytes} bytes`,
    );
  }
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * Writes a table's name with its schema.
 *
 * @param schema The schema.
 * @param table The table.
 * @returns Both as identifiers with their quotes.
 * @throws {OmcpError} As {@link quoteIdentifier}.
 */
export function qualifiedName(schema: string, table: string): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
}
