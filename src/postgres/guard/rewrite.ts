import { charactersIn, type Place } from "./text.ts";
import type { PendingCall } from "./calls.ts";
import { scanTokens } from "./parser.ts";
import { unreadable } from "./refused.ts";

/** Replaces bytes `start` to `end` of a text. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** A part of a text, in bytes. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

const BACKSLASH = 0x5c;
const QUOTE = 0x27;
const WHITE_SPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d, 0x0c, 0x0b]);
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

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
 * Writes a text as a literal that means the same under every setting.
 *
 * @param text The text.
 * @returns SQL for it.
 */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll("\\", "\\\\")}'`;
  return text.includes("\\") ? `E${quoted}` : quoted;
}

/**
 * Trims PostgreSQL's white space. PostgreSQL reads any other (U+00A0, U+FEFF) as a letter of a name.
 *
 * @param text The whole text.
 * @param range A part of it.
 * @returns The part without white space at its ends.
 */
export function trimmed(text: Uint8Array, { start, end }: Range): Range {
  while (start < end && WHITE_SPACE.has(text[start] ?? 0)) start += 1;
  while (end > start && WHITE_SPACE.has(text[end - 1] ?? 0)) end -= 1;
  return { start, end };
}

/**
 * Writes the schema before each function's name.
 *
 * @param calls The calls, with the schema of each.
 * @returns The edits.
 */
export function qualifyingEdits(calls: readonly PendingCall[]): readonly Edit[] {
  return calls.map(({ offset, schema }) => {
    const name = schema === "pg_catalog" ? schema : quoteName(schema);
    return { start: offset, end: offset, text: `${name}.` };
  });
}

/**
 * Writes literals with backslashes so that they end at the same place and mean the same whatever standard_conforming_strings
 * is: `'a\b'` as `E'a\\b'`.
 *
 * @param text The whole text.
 * @param range The statement in it.
 * @returns The edits; an empty list if there is no backslash.
 * @throws {Refusal} The statement cannot be split into tokens.
 */
export function escapingEdits(text: Uint8Array, { start, end }: Range): readonly Edit[] {
  const statement = text.subarray(start, end);
  if (!statement.includes(BACKSLASH)) return [];
  const tokens = scanTokens(DECODER.decode(statement));
  if (tokens === undefined) throw unreadable("a literal");
  const edits: Edit[] = [];
  for (const [index, token] of tokens.entries()) {
    const literal = statement.subarray(token.start, token.end);
    if (literal[0] !== QUOTE || !literal.includes(BACKSLASH)) continue;
    const escaped = `E${DECODER.decode(literal).replaceAll("\\", "\\\\")}`;
    const before = tokens[index - 1];
    // A word that touches the literal would take the E for its own last letter. N'…' means nchar '…'.
    const touching = before !== undefined && before.end === token.start &&
      /[\p{L}\p{N}_$]$/u.test(before.text);
    const national = touching && before.text.toLowerCase() === "n";
    edits.push({
      start: start + (national ? before.start : token.start),
      end: start + token.end,
      text: national ? `nchar ${escaped}` : touching ? ` ${escaped}` : escaped,
    });
  }
  return edits;
}

/**
 * Counts the characters of a part.
 *
 * @param text The whole text, in UTF-8.
 * @param range The part.
 * @returns How many.
 */
export function charactersOf(text: Uint8Array, { start, end }: Range): number {
  return charactersIn(DECODER.decode(text.subarray(start, end)));
}

/**
 * Makes the edits.
 *
 * @param text The whole text, in UTF-8.
 * @param range The part that is wanted, and the characters before it.
 * @param edits In any order; no edit is within another.
 * @returns The part's new text, and the places of its parts in the whole text, in characters.
 */
export function edited(
  text: Uint8Array,
  range: Range & { readonly before: number },
  edits: readonly Edit[],
): { readonly sql: string; readonly places: readonly Place[] } {
  let written = range.before;
  let sent = 0;
  let sql = "";
  let done = range.start;
  const places: Place[] = [[0, written]];
  const keep = (end: number): void => {
    const part = DECODER.decode(text.subarray(done, end));
    const length = charactersIn(part);
    sql += part;
    sent += length;
    written += length;
    done = end;
  };
  for (const edit of edits.toSorted((one, other) => one.start - other.start)) {
    if (edit.start < done || edit.end > range.end) {
      throw new RangeError("Cannot edit a text: offset out of range");
    }
    keep(edit.start);
    written += charactersOf(text, edit);
    done = edit.end;
    sql += edit.text;
    sent += charactersIn(edit.text);
    places.push([sent, written]);
  }
  keep(range.end);
  return { sql, places };
}
