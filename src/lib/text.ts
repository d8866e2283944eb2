/** Makes text from a sandbox safe to show: as a terminal would display it, without anything that a terminal would obey. */

/** C0 and C1 controls except tab and line feed, DEL, the characters that reorder text, and halves of surrogate pairs. */
const UNSHOWABLE =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]|\p{Surrogate}/u;
const UNSHOWABLES = new RegExp(`(?:${UNSHOWABLE.source})+`, "gu");
/** An ECMA-48 control sequence, such as a colour: at `lastIndex`, and (below) anywhere. */
// deno-lint-ignore no-control-regex
const SEQUENCE = /(?:\u001b\[|\u009b)([0-?]*)[ -\/]*([@-~])/y;
const SEQUENCES = new RegExp(SEQUENCE.source, "g");
const OVERWRITES = /[\r\b]/;
const BACKSPACE = 0x08;
const CARRIAGE_RETURN = 0x0d;
const ESCAPE = 0x1b;
const CSI = 0x9b;

/**
 * Escapes control characters visibly, so that no terminal or viewer obeys what a sandbox printed.
 * Colours and other control sequences are removed; after CR and BS, characters overwrite earlier ones of their line.
 *
 * Text from a sandbox may consist of control characters only: one pass handles it, without a match for each character.
 *
 * @param text Any text.
 * @returns Well-formed Unicode with `\x07`, `\u202e`, `\ud8ff` and the like spelled out.
 */
export function showable(text: string): string {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const plain = lines.map((line) => OVERWRITES.test(line) ? overwritten(line) : line).join("\n");
  return plain.replace(SEQUENCES, "").replace(UNSHOWABLES, spelledOut);
}

/**
 * Escapes control characters visibly, and interprets none: for the content of files, where a carriage return overwrites nothing.
 *
 * @param text Any text.
 * @returns Well-formed Unicode. A CR before a line feed is left out; any other is spelled out as `\\x0d`.
 */
export function escapedControls(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(UNSHOWABLES, spelledOut);
}

function spelledOut(run: string): string {
  const parts: string[] = [];
  for (let at = 0; at < run.length; at += 1) {
    const code = run.charCodeAt(at);
    parts.push(spelling(code));
  }
  return parts.join("");
}

const spellings = new Map<number, string>();

/** Cached: there are about two thousand at most, and a text may have a million of them. */
function spelling(code: number): string {
  const known = spellings.get(code);
  if (known !== undefined) return known;
  const made = code < 256
    ? `\\x${code.toString(16).padStart(2, "0")}`
    : `\\u${code.toString(16).padStart(4, "0")}`;
  spellings.set(code, made);
  return made;
}

/** What a terminal finally shows of a line in which the cursor moved back. */
function overwritten(line: string): string {
  const cells: string[] = [];
  let column = 0;
  for (let at = 0; at < line.length;) {
    const code = line.charCodeAt(at);
    if (code === CARRIAGE_RETURN) column = 0;
    else if (code === BACKSPACE) column = Math.max(0, column - 1);
    else {
      const sequence = code === ESCAPE || code === CSI ? sequenceAt(line, at) : undefined;
      if (sequence !== undefined) {
        if (sequence.final === "K" && /^[012]?$/.test(sequence.parameters)) {
          erase(cells, column, sequence.parameters);
        }
        at += sequence.length;
        continue;
      }
      const character = isHighHalf(code) && isLowHalf(line.charCodeAt(at + 1))
        ? line.slice(at, at + 2)
        : line.charAt(at);
      while (cells.length < column) cells.push(" ");
      cells[column] = character;
      column += 1;
      at += character.length;
      continue;
    }
    at += 1;
  }
  return cells.join("").trimEnd();
}

function sequenceAt(line: string, at: number) {
  SEQUENCE.lastIndex = at;
  const found = SEQUENCE.exec(line);
  if (found === null) return undefined;
  const { 0: { length }, 1: parameters = "", 2: final = "" } = found;
  return { length, parameters, final };
}

function isHighHalf(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}

function isLowHalf(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff;
}

/** EL of ECMA-48: 0 to the line's end, 1 from its beginning, 2 the whole line. */
function erase(cells: string[], column: number, mode: string): void {
  if (mode === "2") cells.length = 0;
  else if (mode === "1") cells.fill(" ", 0, Math.min(column + 1, cells.length));
  else cells.length = Math.min(cells.length, column);
}

/**
 * Writes a number of bytes for a person.
 *
 * @param bytes The number.
 */
export function readableBytes(bytes: number): string {
  if (bytes < 1024) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
