/** A file that is being written under a random name, until it is complete. */
import { quotedPath } from "../lib/shown_path.ts";
import { promises as fs } from "node:fs";
import { OmcpError } from "../errors.ts";
import { systemCode } from "../lib/system_code.ts";
import { fileExists } from "./errors.ts";
import { PARTIAL } from "./names.ts";
import { identityOf, lookAtPath } from "./source_file.ts";

/** Large, because Deno passes each write to another thread. */
const BUFFER_BYTES = 512 * 1024;

/** A new file. It ends with {@link NewFile.publish} or {@link NewFile.discard}. */
export class NewFile {
  readonly #folder: string;
  readonly #path: string;
  readonly #handle: fs.FileHandle;
  /** The buffer that fills, and the one that is being written. */
  #buffer = new Uint8Array(BUFFER_BYTES);
  #other = new Uint8Array(BUFFER_BYTES);
  #filled = 0;
  #writing: Promise<void> = Promise.resolve();
  #open = true;

  private constructor(folder: string, path: string, handle: fs.FileHandle) {
    this.#folder = folder;
    this.#path = path;
    this.#handle = handle;
  }

  /**
   * Creates it, empty.
   *
   * @param folder The folder.
   */
  static async create(folder: string): Promise<NewFile> {
    const path = partialPath(folder);
    // "wx" fails if there is anything of this name, even a link.
    return new NewFile(folder, path, await fs.open(path, "wx"));
  }

  /**
   * Checks that its file system has hard links, without which nothing could be published.
   *
   * @throws {Error} With the system's code.
   */
  async requireLinks(): Promise<void> {
    const link = partialPath(this.#folder);
    await fs.link(this.#path, link);
    await fs.unlink(link);
  }

  /**
   * Appends bytes. A full buffer is written while the other one fills; {@link NewFile.publish} writes the rest.
   *
   * @param bytes All of them are written; they may be changed afterwards.
   */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const count = Math.min(bytes.length - at, this.#buffer.length - this.#filled);
      this.#buffer.set(bytes.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
      if (this.#filled === this.#buffer.length) await this.#flush();
    }
  }

  /**
   * Gives it its name, in one step: nobody sees a part of it under that name. It does not follow a link.
   *
   * @param name The name in the folder.
   * @param overwrite Whether a file of that name may be replaced.
   * @throws {OmcpError} `file_exists`, or `file_changed` where somebody put another file in its place.
   */
  async publish(name: string, overwrite: boolean): Promise<void> {
    const target = `${this.#folder}/${name}`;
    await this.#flush();
    await this.#writing;
    const own = await this.#handle.stat({ bigint: true });
    if (overwrite) {
      await fs.rename(this.#path, target);
    } else {
      await fs.link(this.#path, target).catch((error: unknown) => {
        if (systemCode(error) !== "EEXIST") throw error;
        throw fileExists(name);
      });
    }
    await this.discard();
    if (identityOf(await lookAtPath(target)) === identityOf(own)) return;
    throw new OmcpError(
      "file_changed",
      `Something else replaced ${quotedPath(name)} in the exchange folder`,
      {
        state: "The folder's file of that name is not the exported one.",
        next: "Ask the user who else writes to the folder, then try again.",
      },
    );
  }

  /** Closes it and removes its random name. Idempotent. */
  async discard(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#writing.catch(
      () => {/* The next `write` or `publish` threw it, or the file is not wanted any more. */},
    );
    await this.#handle.close();
    await fs.unlink(this.#path).catch((error: unknown) => {
      if (systemCode(error) !== "ENOENT") throw error;
    });
  }

  /** Begins to write what is in the buffer. @throws What the write before it has thrown. */
  async #flush(): Promise<void> {
    await this.#writing;
    this.#writing = this.#writeAll(this.#buffer.subarray(0, this.#filled));
    this.#writing.catch(() => {/* The next `await this.#writing` throws it. */});
    [this.#buffer, this.#other] = [this.#other, this.#buffer];
    this.#filled = 0;
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += (await this.#handle.write(bytes, at, bytes.length - at, null)).bytesWritten;
    }
  }
}

/** A name that nothing has: 128 random bits. */
function partialPath(folder: string): string {
  const random = crypto.getRandomValues(new Uint8Array(16)).toHex();
  return `${folder}/${PARTIAL.prefix}${random}${PARTIAL.suffix}`;
}
