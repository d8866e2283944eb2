/** Writes zip archives. */
import { crc32, deflateRawSync } from "node:zlib";
import { concatBytes } from "../../src/lib/bytes.ts";

/** A file of an archive. */
export interface ZipEntry {
  /** Relative path with forward slashes. */
  readonly path: string;
  readonly content: Uint8Array;
}

/** 1980-01-01, the earliest date of the format. */
const DATE = 0x21;
const VERSION = 20;
const DEFLATE = 8;
/** Names are UTF-8. */
const FLAGS = 0x800;
/** A Unix file, readable by all. */
const ATTRIBUTES = 0o100644 * 0x1_0000;
const UNIX = 3 << 8;

/**
 * Writes a zip archive. The same entries give the same bytes.
 *
 * @param entries The files, in the archive's order; all together below 4 GiB.
 */
export function zip(entries: readonly ZipEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const { path, content } of entries) {
    const name = new TextEncoder().encode(path);
    const packed = new Uint8Array(deflateRawSync(content, { level: 9 }));
    // The fields that both of an entry's headers have.
    const facts = fields([
      [FLAGS, 2],
      [DEFLATE, 2],
      [0, 2],
      [DATE, 2],
      [crc32(content), 4],
      [packed.length, 4],
      [content.length, 4],
      [name.length, 2],
      [0, 2],
    ]);
    const local = [fields([[0x04034b50, 4], [VERSION, 2]]), facts, name, packed];
    directory.push(
      fields([[0x02014b50, 4], [UNIX | VERSION, 2], [VERSION, 2]]),
      facts,
      fields([[0, 2], [0, 2], [0, 2], [ATTRIBUTES, 4], [offset, 4]]),
      name,
    );
    parts.push(...local);
    offset += size(local);
  }
  const end = fields([
    [0x06054b50, 4],
    [0, 2],
    [0, 2],
    [entries.length, 2],
    [entries.length, 2],
    [size(directory), 4],
    [offset, 4],
    [0, 2],
  ]);
  return concatBytes([...parts, ...directory, end]);
}

/** Numbers in little-endian order, each with its number of bytes. */
function fields(values: readonly (readonly [value: number, bytes: number])[]): Uint8Array {
  return Uint8Array.from(
    values.flatMap(([value, bytes]) =>
      Array.from({ length: bytes }, (_, at) => Math.floor(value / 2 ** (8 * at)) % 256)
    ),
  );
}

function size(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}
