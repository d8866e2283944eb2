/** Cuts a long text where a reader is not misled. */

/** How many characters a cut may move to reach the end of a line: half a number reads as another number. */
const LINE = 200;

/**
 * The beginning of a text: whole lines if they are short, else whole characters.
 *
 * @param text The text.
 * @param length How many UTF-16 units it may have.
 */
export function beforeSplit(text: string, length: number): string {
  if (length >= text.length) return text;
  const line = text.lastIndexOf("\n", length - 1) + 1;
  if (line > 0 && length - line < LINE) return text.slice(0, line);
  return text.slice(0, splitsCharacter(text, length) ? length - 1 : length);
}

/**
 * The end of a text: whole lines if they are short, else whole characters.
 *
 * @param text The text.
 * @param from The UTF-16 unit at which it may begin.
 */
export function afterSplit(text: string, from: number): string {
  if (from <= 0) return text;
  const line = text.indexOf("\n", from - 1) + 1;
  if (line > 0 && line < text.length && line - from < LINE) return text.slice(line);
  return text.slice(splitsCharacter(text, from) ? from + 1 : from);
}

function splitsCharacter(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return at > 0 && at < text.length && code >= 0xdc00 && code <= 0xdfff;
}
