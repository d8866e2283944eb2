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
 * Writes a name as an SQL identifier.
 *
 * @param name Name without NUL.
 * @returns The identifier with its quotes.
 */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
