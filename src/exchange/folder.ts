/**
 * The exchange folder (`OMCP_EXCHANGE_DIR`): the one place of the host whose files the server reads and writes for a model.
 *
 * Deno has no `openat`, and with restricted permissions it resolves links itself before it opens a file, whatever the flags. So the server
 * looks at a file, opens it, and refuses it if the open file is another one; it writes a file under a new random name until it is complete.
 * Somebody who can write to the folder may replace files meanwhile: the server then fails, or reads that person's own file, but never reaches
 * a file outside of the folder.
 */
import { quotedPath } from "../lib/shown_path.ts";
import { OmcpError } from "../errors.ts";
import { counted } from "../lib/counted.ts";
import { errorMessage } from "../lib/error_message.ts";
import { systemCode } from "../lib/system_code.ts";
import { fileExists, folderError } from "./errors.ts";
import { NewFile } from "./new_file.ts";
import { nameProblem, PARTIAL, requireName } from "./names.ts";
import { identityOf, lookAtPath, openSource, type SourceFile, type Stats } from "./source_file.ts";

/** A partial file that was not written to for this long belongs to a server that crashed. */
const STALE_PARTIAL_MS = 60 * 60_000;
/** Most names that an error shows, and that it sorts to choose them. */
const SHOWN_NAMES = 20;
const LISTED_NAMES = 10_000;
/** Most exports of this server that may be in the folder at once. */
const MAX_EXPORTS = 1000;

/** Takes the bytes of a file that is being written. */
export interface FileWriter {
  /** Appends bytes. */
  write(bytes: Uint8Array): Promise<void>;
}

/** How a new file is made. */
export interface NewFileOptions {
  /** Its bytes. */
  readonly size: number;
  /** Whether a file of the name may be replaced. */
  readonly overwrite: boolean;
}

/** The folder, open for a server. */
export class ExchangeFolder {
  /** Its path. */
  readonly path: string;
  readonly #identity: string;
  readonly #maxBytes: number;
  /** What this server has exported: name → bytes. */
  readonly #exports = new Map<string, number>();
  /** Bytes of exports that are being written. */
  #writing = 0;

  private constructor(path: string, identity: string, maxBytes: number) {
    this.path = path;
    this.#identity = identity;
    this.#maxBytes = maxBytes;
  }

  /**
   * Checks the folder, and removes what exports of crashed servers left in it.
   *
   * @param path Its path, without links.
   * @param maxBytes The most that exports of this server may take in it.
   * @throws {OmcpError} `config_invalid`.
   */
  static async open(path: string, maxBytes: number): Promise<ExchangeFolder> {
    try {
      const real = await Deno.realPath(path);
      if (real !== path) throw new Error(`it is, or lies behind, a symbolic link to ${real}`);
      const folder = new ExchangeFolder(path, identityOf(await lookAtFolder(path)), maxBytes);
      await folder.#removeStale();
      const probe = await NewFile.create(path);
      try {
        await probe.requireLinks();
      } finally {
        await probe.discard();
      }
      return folder;
    } catch (cause) {
      throw new OmcpError(
        "config_invalid",
        `Cannot use the folder of OMCP_EXCHANGE_DIR, ${path}: ${errorMessage(cause)}`,
        {
          next: "Create a folder that this server's user can write to, and name it by its real path.",
          cause,
        },
      );
    }
  }

  /**
   * Opens a file for reading.
   *
   * @param name Its name.
   * @throws {OmcpError} `invalid_argument`, `file_not_found` with the names that are there, `path_unsuitable`, `file_changed`.
   */
  async openFile(name: string): Promise<SourceFile> {
    requireName(name);
    await this.#requireSame();
    const path = `${this.path}/${name}`;
    const seen = await this.#lookAt(name);
    if (seen === undefined) throw await this.#notFound(name);
    if (!seen.isFile()) throw notAFile(name, seen);
    return await openSource(path, name, seen);
  }

  /**
   * Begins a file, which appears under its name when it is complete.
   *
   * @param name Its name.
   * @param options See {@link NewFileOptions}.
   * @param fill Writes its bytes.
   * @returns Whether a file was replaced.
   * @throws {OmcpError} `invalid_argument`, `file_exists`, `path_unsuitable`, `exchange_full`, and what `fill` throws. Then nothing is left behind.
   */
  async writeFile(
    name: string,
    { size, overwrite }: NewFileOptions,
    fill: (file: FileWriter) => Promise<void>,
  ): Promise<{ readonly replaced: boolean }> {
    requireName(name);
    await this.#requireSame();
    const there = await this.#lookAt(name);
    if (there !== undefined && !overwrite) throw fileExists(name);
    if (there !== undefined && !there.isFile()) throw notAFile(name, there);
    // No await precedes this, so that concurrent exports know of each other.
    this.#writing += size;
    try {
      await this.#requireRoom(size);
      const file = await NewFile.create(this.path);
      try {
        await fill(file);
        await this.#requireSame();
        await file.publish(name, overwrite);
      } catch (error) {
        await file.discard();
        throw error instanceof OmcpError ? error : folderError(error, `write ${name}`);
      }
      this.#exports.delete(name);
      this.#exports.set(name, size);
      return { replaced: there !== undefined };
    } finally {
      this.#writing -= size;
    }
  }

  /** Undefined if there is nothing of this name. */
  async #lookAt(name: string): Promise<Stats | undefined> {
    try {
      return await lookAtPath(`${this.path}/${name}`);
    } catch (error) {
      if (systemCode(error) === "ENOENT") return undefined;
      throw folderError(error, `look at ${name}`);
    }
  }

  /** Throws if the folder is not the one that was opened: a user who can write to its parent can put another in its place. */
  async #requireSame(): Promise<void> {
    const found = await lookAtFolder(this.path).catch(() => undefined);
    if (found !== undefined && identityOf(found) === this.#identity) return;
    throw new OmcpError(
      "path_unsuitable",
      "The exchange folder was removed or replaced since the server started",
      {
        state: "Nothing was transferred.",
        next: "This is for the operator: start the server again.",
      },
    );
  }

  async #requireRoom(size: number): Promise<void> {
    let taken = this.#writing;
    for (const name of [...this.#exports.keys()]) {
      const there = await this.#lookAt(name);
      if (there === undefined) this.#exports.delete(name);
      else taken += Number(there.size);
    }
    if (taken <= this.#maxBytes && this.#exports.size < MAX_EXPORTS) return;
    const limit = this.#exports.size < MAX_EXPORTS
      ? `${this.#maxBytes} bytes (OMCP_EXCHANGE_MIB), and with this file of ${size} bytes they would take ${taken}`
      : `${MAX_EXPORTS} files`;
    throw new OmcpError("exchange_full", `The exports of this server may take at most ${limit}`, {
      state: "Nothing was written.",
      next: "Ask the user to take exported files away from the exchange folder.",
    });
  }

  async #notFound(name: string): Promise<OmcpError> {
    const names: string[] = [];
    let more = 0;
    for await (const entry of Deno.readDir(this.path)) {
      if (!entry.isFile || nameProblem(entry.name) !== undefined) continue;
      if (names.length < LISTED_NAMES) names.push(entry.name);
      else more += 1;
    }
    names.sort();
    const rest = names.length - SHOWN_NAMES + more;
    const list = names.slice(0, SHOWN_NAMES).map((each) => quotedPath(each)).join(", ");
    const found = names.length === 0
      ? "The folder has no file."
      : `The folder has ${list}${rest > 0 ? ` and ${counted(rest, "more file", "more files")}` : ""}.`;
    return new OmcpError("file_not_found", `The exchange folder has no file ${quotedPath(name)}`, {
      next: `${found} The user can put files there.`,
    });
  }

  async #removeStale(): Promise<void> {
    for await (const { name, isFile } of Deno.readDir(this.path)) {
      if (!isFile || !name.startsWith(PARTIAL.prefix) || !name.endsWith(PARTIAL.suffix)) continue;
      const found = await this.#lookAt(name);
      if (found === undefined || Date.now() - Number(found.mtimeMs) < STALE_PARTIAL_MS) continue;
      await Deno.remove(`${this.path}/${name}`);
    }
  }
}

async function lookAtFolder(path: string): Promise<Stats> {
  const found = await lookAtPath(path);
  if (!found.isDirectory()) throw new Error("it is not a folder");
  return found;
}

function notAFile(name: string, found: Stats): OmcpError {
  const kind = found.isSymbolicLink()
    ? "a symbolic link"
    : found.isDirectory()
    ? "a folder"
    : "not a regular file";
  return new OmcpError("path_unsuitable", `${quotedPath(name)} in the exchange folder is ${kind}`, {
    next: "Only regular files can be transferred.",
  });
}
