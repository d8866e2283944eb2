/** NULL in COPY's text format. */
export const COPY_NULL = "\\N";

const SPECIAL = /[\\\t\n\r]/;
const ALL_SPECIAL = new RegExp(SPECIAL.source, "g");
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\\", "\\\\"],
  ["\t", "\\t"],
  ["\n", "\\n"],
  ["\r", "\\r"],
]);

/**
 * Writes a text as a value in COPY's text format (PostgreSQL, "COPY", "Text Format").
 *
 * @param text Text without NUL.
 */
export function escapeCopyText(text: string): string {
  // Most values have no special character: a test is faster than a replacement.
  return SPECIAL.test(text)
    ? text.replace(ALL_SPECIAL, (character) => ESCAPES.get(character) ?? character)
    : text;
}
