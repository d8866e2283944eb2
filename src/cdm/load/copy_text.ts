/** Records of COPY's text format (PostgreSQL, "COPY", "Text Format"); also as MySQL writes them: `\` before a TAB or line break. */
import { NULL_MARKER } from "./dialect.ts";

/** The line that ends the data in a dump. */
export const COPY_END = "\\.";

const ESCAPED: ReadonlyMap<string, string> = new Map([
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
]);

/**
 * Finds the line break that ends a record: one that is not escaped.
 *
 * @param text The text.
 * @param start Where the record begins.
 * @returns Its offset, or -1.
 */
export function copyRecordEnd(text: string, start: number): number {
  let at = text.indexOf("\n", start);
  while (at >= 0) {
    let backslashes = 0;
    while (at - backslashes > start && text[at - backslashes - 1] === "\\") backslashes += 1;
    if (backslashes % 2 === 0) return at;
    at = text.indexOf("\n", at + 1);
  }
  return -1;
}

/**
 * Splits a record.
 *
 * @param text The record without its line break.
 * @param delimiter Between its fields.
 * @returns Its fields; `malformed` if it has an escape by number, which no program writes and this one does not read.
 */
export function splitCopyText(
  text: string,
  delimiter: string,
): { readonly fields: (string | null)[]; readonly malformed: boolean } {
  const fields: (string | null)[] = [];
  let malformed = false;
  let raw = "";
  let value = "";
  function end(): void {
    fields.push(raw === NULL_MARKER ? null : value);
    raw = "";
    value = "";
  }
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? "";
    if (character === delimiter) {
      end();
    } else if (character === "\\" && at + 1 < text.length) {
      at += 1;
      const next = text[at] ?? "";
      malformed ||= /[0-9x]/.test(next);
      raw += `\\${next}`;
      value += ESCAPED.get(next) ?? next;
    } else {
      raw += character;
      value += character;
    }
  }
  end();
  return { fields, malformed };
}
