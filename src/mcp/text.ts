/** Text from a sandbox made fit to show: as a terminal would leave it, without anything that a terminal would obey. */

/** C0 and C1 controls but for tab and line feed, DEL, the characters that reorder text, and halves of surrogate pairs. */
const UNSHOWABLE =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]|\p{Surrogate}/gu;
/** ECMA-48 control sequences, such as colours. */
// deno-lint-ignore no-control-regex
const CONTROL_SEQUENCE = /(?:\u001b\[|\u009b)[0-?]*[ -\/]*[@-~]/g;
const OVERWRITES = /[\r\b]/;
/** One step of writing a line: an erasure, any other control sequence, or a character. */
// deno-lint-ignore no-control-regex
const STEPS = /(?:\u001b\[|\u009b)(?<mode>[012]?)K|(?:\u001b\[|\u009b)[0-?]*[ -\/]*[@-~]|[^]/gu;

/**
 * Escapes control characters visibly, so that no terminal or viewer obeys what a sandbox printed.
 * Colours and other control sequences are removed; CR and BS overwrite what came before them in their line.
 *
 * @param text Any text.
 * @returns Well-formed Unicode with `\x07`, `\u202e`, `\ud8ff` and the like spelled out.
 */
export function showable(text: string): string {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const plain = lines.map((line) => OVERWRITES.test(line) ? overwritten(line) : line).join("\n");
  return plain.replace(CONTROL_SEQUENCE, "").replace(UNSHOWABLE, (character) => {
    const code = character.charCodeAt(0);
    return code < 256
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** What a terminal shows in the end of a line in which the cursor went back. */
function overwritten(line: string): string {
  const cells: string[] = [];
  let column = 0;
  for (const { 0: step, groups } of line.matchAll(STEPS)) {
    if (step === "\r") column = 0;
    else if (step === "\b") column = Math.max(0, column - 1);
    else if (groups?.mode !== undefined) erase(cells, column, groups.mode);
    else if (step.length <= 2 && !step.startsWith("\u001b[")) {
      while (cells.length < column) cells.push(" ");
      cells[column] = step;
      column += 1;
    }
  }
  return cells.join("").trimEnd();
}

/** EL of ECMA-48: 0 to the line's end, 1 from its beginning, 2 the whole line. */
function erase(cells: string[], column: number, mode: string): void {
  if (mode === "2") cells.length = 0;
  else if (mode === "1") cells.fill(" ", 0, Math.min(column + 1, cells.length));
  else cells.length = Math.min(cells.length, column);
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
