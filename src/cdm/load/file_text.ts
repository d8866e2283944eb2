/** The bytes of a file of the CDM. */
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { OmcpError } from "../../errors.ts";
import { errorMessage } from "../../lib/error_message.ts";
import { refused } from "./refused.ts";
import { Utf8Reader } from "./utf8.ts";

/** Where a file is. */
export interface FilePath {
  /** As the user knows it: for messages, and for the name's ending. */
  readonly path: string;
  /** Without symbolic links: what is opened. */
  readonly realPath: string;
}

/** Text that is read together. */
export interface TextPiece {
  readonly text: string;
  /** True once the file had bytes that are not UTF-8. */
  readonly suspect: boolean;
}

/**
 * Reads a file as UTF-8.
 *
 * @param file The file; gunzipped if its name ends in `.gz`.
 * @returns Its text in pieces; bytes that are not UTF-8 are replaced by U+FFFD.
 * @throws {OmcpError} `cdm_invalid` if it cannot be read, is damaged, or is in UTF-16.
 */
export async function* readText(file: FilePath): AsyncGenerator<TextPiece, void, void> {
  const utf8 = new Utf8Reader();
  let first = true;
  for await (const bytes of readBytes(file)) {
    if (first && isUtf16(bytes)) throw unreadable(file.path, "it is in UTF-16; convert it to UTF-8");
    first = false;
    yield { text: utf8.push(bytes), suspect: utf8.invalid };
  }
  yield { text: utf8.end(), suspect: utf8.invalid };
}

/**
 * The error for a file that cannot be loaded.
 *
 * @param path The file.
 * @param reason Why, without any value of it.
 * @param cause The error that shows it.
 */
export function unreadable(path: string, reason: string, cause?: unknown): OmcpError {
  return refused(`Cannot read ${path}: ${reason}`, "Fix the file, or remove it from the folder.", cause);
}

async function* readBytes({ path, realPath }: FilePath): AsyncGenerator<Uint8Array, void, void> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(realPath);
  } catch (error) {
    throw unreadable(path, errorMessage(error), error);
  }
  if (!path.toLowerCase().endsWith(".gz")) {
    yield* file.readable;
    return;
  }
  // Not DecompressionStream: it stops after the first member, and large files often have many.
  const source = Readable.from(file.readable);
  const gunzip = createGunzip();
  source.on("error", (error) => gunzip.destroy(error));
  source.pipe(gunzip);
  try {
    for await (const chunk of gunzip) yield chunk;
  } catch (error) {
    throw unreadable(path, errorMessage(error), error);
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

/** UTF-16 with its byte order mark; without one, the header has NULs. */
function isUtf16(bytes: Uint8Array): boolean {
  return (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
}
