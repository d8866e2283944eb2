import { OmcpError } from "../errors.ts";

/** One regular file of an archive. */
export interface TarEntry {
  /** Relative path with forward slashes; folders on the way need no entry of their own. */
  readonly path: string;
  readonly content: Uint8Array;
  /** Permission bits. @default 0o644 */
  readonly mode?: number;
}

/** A folder of an archive; only needed if it stays empty. */
export interface TarFolder {
  /** Relative path with forward slashes, without a slash at its end. */
  readonly folder: string;
}

/** What {@link tarStream} takes. */
export type TarItem = TarEntry | TarFolder;

/** Bytes of a header; contents are padded to a multiple. */
export const TAR_BLOCK = 512;
/** The largest size that a ustar header holds: 11 octal digits. */
const MAX_SIZE = 0o77777777777;

/**
 * Writes a tar archive (POSIX.1-1988 ustar) as a stream, item by item. The same items give the same bytes, so that the builder uses its
 * cache: times, owners and groups are all zero.
 *
 * @param items The files and folders, in the archive's order; read one at a time, as the consumer reads.
 * @returns The archive.
 * @throws {OmcpError} `invalid_argument`, through the stream, for a path that is absolute, has `..`, or is too long.
 */
export function tarStream(items: Iterable<TarItem> | AsyncIterable<TarItem>): ReadableStream<Uint8Array> {
  return ReadableStream.from(archive(items));
}

async function* archive(items: Iterable<TarItem> | AsyncIterable<TarItem>): AsyncGenerator<Uint8Array> {
  for await (const item of items) {
    if ("folder" in item) {
      yield tarHeader(`${item.folder}/`, { size: 0, mode: 0o755, type: "5" });
      continue;
    }
    const size = item.content.length;
    yield tarHeader(item.path, { size, mode: item.mode ?? 0o644, type: "0" });
    yield item.content;
    if (size % TAR_BLOCK !== 0) yield new Uint8Array(TAR_BLOCK - size % TAR_BLOCK);
  }
  yield new Uint8Array(2 * TAR_BLOCK);
}

/** What a header says besides the path. */
export interface TarHeader {
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  /** `0` for a regular file, `5` for a folder. */
  readonly type: "0" | "5";
}

/**
 * Writes a member's header.
 *
 * @param path Relative path with forward slashes; a folder's ends with one.
 * @param facts See {@link TarHeader}.
 * @returns One block.
 * @throws {OmcpError} `invalid_argument` for a path that is absolute, has `..`, or is too long; for a size that the format does not hold.
 */
export function tarHeader(path: string, facts: TarHeader): Uint8Array<ArrayBuffer> {
  if (facts.size > MAX_SIZE) throw refuse(path, `must be at most ${MAX_SIZE} bytes; received ${facts.size}`);
  const { prefix, name } = splitPath(path);
  const block = new Uint8Array(TAR_BLOCK);
  function put(offset: number, bytes: Uint8Array): void {
    block.set(bytes, offset);
  }
  put(0, name);
  put(100, octal(facts.mode & 0o7777, 7));
  put(108, octal(0, 7));
  put(116, octal(0, 7));
  put(124, octal(facts.size, 11));
  put(136, octal(0, 11));
  // The checksum is computed with spaces in its own place.
  put(148, ascii("        "));
  put(156, ascii(facts.type));
  put(257, ascii("ustar\u000000"));
  put(345, prefix);
  let sum = 0;
  for (const byte of block) sum += byte;
  put(148, ascii(`${sum.toString(8).padStart(6, "0")}\u0000 `));
  return block;
}

/** Splits a path into the header's two fields, at a slash: 155 bytes before it, 100 after. */
function splitPath(path: string): { prefix: Uint8Array; name: Uint8Array } {
  const parts = path.replace(/\/$/, "").split("/");
  const usable = parts.every((part) => part !== "" && part !== "." && part !== "..") &&
    !path.includes("\0");
  if (!usable) throw refuse(path, "must be relative, with neither empty nor dotted parts");
  const whole = ascii(path);
  if (whole.length <= 100) return { prefix: new Uint8Array(), name: whole };
  for (let at = whole.length - 101; at <= 155; at++) {
    if (whole[at] === 0x2f && at > 0 && at < whole.length - 1) {
      return { prefix: whole.subarray(0, at), name: whole.subarray(at + 1) };
    }
  }
  throw refuse(path, "does not fit the format's 155 and 100 bytes on either side of a slash");
}

function octal(value: number, digits: number): Uint8Array {
  return ascii(value.toString(8).padStart(digits, "0"));
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function refuse(path: string, why: string): OmcpError {
  return new OmcpError(
    "invalid_argument",
    `Cannot write ${JSON.stringify(path.slice(0, 120))} to an archive: ${why}`,
  );
}
