/** Reads a file of the exchange folder: all of the file that was seen under its name, or an error. */
import { quotedPath } from "../lib/shown_path.ts";
import { type BigIntStats, constants, promises as fs } from "node:fs";
import { OmcpError } from "../errors.ts";
import { folderError } from "./errors.ts";

const READ_BYTES = 256 * 1024;
/** `O_NONBLOCK`: opening a FIFO must not wait for its writer. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/** A file's metadata. */
export type Stats = BigIntStats;

/** An open file of the folder. */
export interface SourceFile extends AsyncDisposable {
  /** Bytes when it was opened. */
  readonly size: number;
  /** Its bytes, once. @throws {OmcpError} `file_changed` if it is written to meanwhile. */
  bytes(): AsyncIterable<Uint8Array>;
}

/**
 * Looks at what a path names, without following a link.
 *
 * @param path The path.
 */
export async function lookAtPath(path: string): Promise<Stats> {
  return await fs.lstat(path, { bigint: true });
}

/**
 * Identifies a file independently of its name.
 *
 * @param stats Its metadata.
 */
export function identityOf({ dev, ino }: Pick<Stats, "dev" | "ino">): string {
  return `${dev}:${ino}`;
}

/**
 * Opens a file.
 *
 * @param path Its path.
 * @param name Its name, for messages.
 * @param seen The metadata of what was at the path. If the open file is another one, something was put in its place, such as a link.
 * @throws {OmcpError} `file_changed`, `path_unsuitable`.
 */
export async function openSource(path: string, name: string, seen: Stats): Promise<SourceFile> {
  const handle = await fs.open(path, READ_FLAGS).catch((error: unknown) => {
    throw folderError(error, `read ${name}`);
  });
  try {
    const opened = await handle.stat({ bigint: true });
    if (identityOf(opened) !== identityOf(seen)) throw changed(name);
    return new OpenSource(name, handle, opened);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

class OpenSource implements SourceFile {
  readonly size: number;
  readonly #name: string;
  readonly #handle: fs.FileHandle;
  readonly #opened: Stats;

  constructor(name: string, handle: fs.FileHandle, opened: Stats) {
    this.#name = name;
    this.#handle = handle;
    this.#opened = opened;
    this.size = Number(opened.size);
  }

  async *bytes(): AsyncGenerator<Uint8Array> {
    let left = this.size;
    // The next part is read while the caller passes this one on.
    let next = left > 0 ? this.#read(left) : undefined;
    try {
      while (next !== undefined) {
        const chunk: Uint8Array = await next;
        left -= chunk.length;
        next = left > 0 ? this.#read(left) : undefined;
        // Before the last bytes: with them, the reader takes the file for complete.
        if (left === 0) await this.#requireUnchanged();
        yield chunk;
      }
    } finally {
      await next?.catch(() => {/* The reader has stopped. */});
    }
  }

  #read(left: number): Promise<Uint8Array> {
    const reading = this.#readPart(left);
    reading.catch(() => {/* `await next` throws it. */});
    return reading;
  }

  async #readPart(left: number): Promise<Uint8Array> {
    const buffer = new Uint8Array(Math.min(left, READ_BYTES));
    const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) throw changed(this.#name);
    return buffer.subarray(0, bytesRead);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  async #requireUnchanged(): Promise<void> {
    const { size, mtimeNs } = await this.#handle.stat({ bigint: true });
    if (size !== this.#opened.size || mtimeNs !== this.#opened.mtimeNs) throw changed(this.#name);
  }
}

function changed(name: string): OmcpError {
  return new OmcpError(
    "file_changed",
    `The file ${quotedPath(name)} in the exchange folder changed while it was read`,
    { state: "Nothing was transferred.", next: "Wait until nothing writes to it, then try again." },
  );
}
