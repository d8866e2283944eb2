import type { PendingCall } from "./calls.ts";

/**
 * Writes a name in double quotes.
 *
 * @param name The name as PostgreSQL has it stored.
 * @returns SQL for it.
 */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * Writes the schema before each function's name.
 *
 * @param text The whole text that was parsed, in UTF-8.
 * @param range The statement's bytes in it, and the calls in that statement.
 * @returns The statement's new text.
 */
export function qualifyCalls(
  text: Uint8Array,
  range: { readonly start: number; readonly end: number; readonly calls: readonly PendingCall[] },
): string {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const calls = range.calls.toSorted((one, other) => one.offset - other.offset);
  let sql = "";
  let done = range.start;
  for (const call of calls) {
    if (call.offset < done || call.offset >= range.end) {
      throw new RangeError("Cannot qualify a call: offset out of range");
    }
    const name = call.schema === "pg_catalog" ? call.schema : quoteName(call.schema);
    sql += `${decoder.decode(text.subarray(done, call.offset))}${name}.`;
    done = call.offset;
  }
  return sql + decoder.decode(text.subarray(done, range.end));
}
