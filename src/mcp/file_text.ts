/** Bytes of a file as text: whether they are text, and where a piece of it may end. */

/** Most bytes to cut from a piece's end, so that it ends with a whole line: half a number reads as another number. */
const LINE_BYTES = 4096;
/** A piece with more than this share of bytes that are not UTF-8, in percent, is binary; Latin-1 has fewer. */
const MAX_INVALID_PERCENT = 30;
/** A piece with more than this share of control characters that texts do not have, in percent, is binary. */
const MAX_CONTROL_PERCENT = 5;

/** A piece of a file that is text. */
export interface TextPiece {
  readonly text: string;
  /** How many of the piece's bytes come before the text: the rest of a character that began in the piece before. */
  readonly skipped: number;
  /** How many of the piece's bytes are in the text or skipped; the next piece begins after them. */
  readonly used: number;
  /** How many bytes are not UTF-8; they are shown as U+FFFD. */
  readonly invalid: number;
}

/**
 * Reads a piece of a file as UTF-8.
 *
 * @param bytes The piece.
 * @param ends `begin`, `end`: whether the piece begins with the file's first byte and ends with its last. Inside the file, parts of
 * characters are cut off at both ends of the piece, and the beginning of its last line.
 * @returns The text; undefined if the bytes are not text.
 */
export function textPiece(
  bytes: Uint8Array,
  { begin, end }: { readonly begin: boolean; readonly end: boolean },
): TextPiece | undefined {
  if (bytes.includes(0)) return undefined;
  const skipped = begin ? 0 : continuationBytes(bytes);
  const used = end ? bytes.length : pieceEnd(bytes, skipped);
  const piece = bytes.subarray(skipped, used);
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(piece);
  const invalid = invalidBytes(piece, text);
  // Tab, line feed, form feed, carriage return and escape occur in texts.
  // deno-lint-ignore no-control-regex
  const controls = text.match(/[\u0001-\u0008\u000b\u000e-\u001a\u001c-\u001f\u007f]/g)?.length ?? 0;
  if (invalid * 100 > piece.length * MAX_INVALID_PERCENT) return undefined;
  if (controls * 100 > piece.length * MAX_CONTROL_PERCENT) return undefined;
  return { text, skipped, used, invalid };
}

/** How many bytes at the beginning continue an earlier character: at most three. */
function continuationBytes(bytes: Uint8Array): number {
  let count = 0;
  while (count < Math.min(3, bytes.length) && isContinuation(bytes[count])) count += 1;
  return count;
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

/** Where to cut the piece: after its last whole line if that is near the end, else after the last whole character. */
function pieceEnd(bytes: Uint8Array, from: number): number {
  const line = bytes.lastIndexOf(0x0a) + 1;
  if (line > from && bytes.length - line < LINE_BYTES) return line;
  for (let back = 1; back <= Math.min(4, bytes.length - from); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (isContinuation(byte)) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    const cut = length > back && bytes.length - back > from;
    return cut ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/** About how many bytes are not UTF-8, from the number of replacement characters. */
function invalidBytes(bytes: Uint8Array, text: string): number {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return 0;
  } catch {
    return Math.max(1, text.split("\ufffd").length - 1);
  }
}
