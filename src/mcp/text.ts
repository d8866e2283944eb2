/** Text from a sandbox made fit to show: valid Unicode, no control characters that a terminal would obey. */

/** C0 and C1 controls but for tab and line feed, DEL, and the characters that reorder text. */
// deno-lint-ignore no-control-regex
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Escapes control characters visibly, so that no terminal or viewer obeys what a sandbox printed.
 * CR LF becomes LF first.
 *
 * @param text Any text.
 * @returns Well-formed Unicode with `\x1b`, `\u202e` and the like spelled out.
 */
export function showable(text: string): string {
  return text.toWellFormed().replaceAll("\r\n", "\n").replace(CONTROLS, (character) => {
    const code = character.charCodeAt(0);
    return code < 256
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/**
 * A byte count as a person reads it.
 *
 * @param bytes How many.
 */
export function readableBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
