/** The files of one sandbox, through its agent: they can be read and written while a cell runs. */
import {
  FILE_RESULTS,
  type FileList,
  type FileRequest,
  type FileSpace,
  type FileStat,
  MAX_LIST_DEPTH,
  MAX_LISTED,
} from "../../agent_protocol/messages/mod.ts";
import type { Channel } from "../../agent_protocol/mod.ts";
import { OmcpError } from "../../errors.ts";
import { within } from "../../lib/async/deadline.ts";
import type { Lifetime } from "../lifetime.ts";
import { FileExchange, InvalidReply } from "./file_exchange.ts";

/** The default deadline of a call. */
const DEADLINE_MS = 30_000;
/** How long a request whose channel broke waits for the reason, and for the removal. */
const END_WAIT_MS = 1500;

/** How long a call may take, and what cancels it. */
export interface FileCall {
  /** The call's deadline, ms; it includes the transfer of a file's bytes. @default 30 s */
  readonly deadlineMs?: number;
  /** Cancels it. */
  readonly signal?: AbortSignal;
}

/** A file that is being read. */
export interface FileContent {
  /** The file's length in bytes when it was opened. A sparse file can be larger than all memory. */
  readonly size: number;
  /** Bytes that are stored; fewer than `size` if it has holes. */
  readonly allocated: number;
  /** When it was changed, ms since the epoch. */
  readonly modifiedMs: number;
  /** Where `bytes` begin. */
  readonly offset: number;
  /** How many `bytes` there are. */
  readonly length: number;
  /** Its bytes, `length` of them; fails with `file_changed` where the file became shorter. Read to its end, or cancel it. */
  readonly bytes: ReadableStream<Uint8Array>;
  /** After `bytes` has ended: whether the file was written to while it was read. */
  readonly changed: () => boolean;
}

/** What {@link SandboxFiles} need. */
export interface SandboxFilesParts {
  readonly lifetime: Lifetime;
  readonly container: { readonly channel: Pick<Channel, "openStream"> };
}

/**
 * The files of one sandbox. Paths are relative to /workspace, or absolute below it; symbolic links are not followed. All methods
 * throw `OmcpError`: `invalid_argument` for a path outside of it, `file_not_found`, `path_unsuitable`, `capacity`, `timeout`, `cancelled`,
 * and the error of a sandbox that has ended.
 */
export class SandboxFiles {
  readonly #lifetime: Lifetime;
  readonly #container: SandboxFilesParts["container"];
  #running = 0;

  /** @param parts See {@link SandboxFilesParts}. */
  constructor({ lifetime, container }: SandboxFilesParts) {
    this.#lifetime = lifetime;
    this.#container = container;
  }

  /** Whether a call about files is running. */
  get busy(): boolean {
    return this.#running > 0;
  }

  /**
   * What a path names, without following a link.
   *
   * @param path The path.
   * @param call See {@link FileCall}.
   */
  async stat(path: string, call: FileCall = {}): Promise<FileStat> {
    const exchange = await this.#open({ op: "stat", path }, call);
    return await finished(exchange, exchange.result(FILE_RESULTS.stat));
  }

  /**
   * Lists a folder: the first entries in the order of their paths, and the totals of all.
   *
   * @param path The folder.
   * @param options `depth`: levels of folders, at most 32; the content of hidden ones is not listed. `limit`: entries, at most 2000.
   * @param call See {@link FileCall}.
   */
  async list(
    path: string,
    { depth = 1, limit = MAX_LISTED }: { readonly depth?: number; readonly limit?: number } = {},
    call: FileCall = {},
  ): Promise<FileList> {
    const exchange = await this.#open({
      op: "list",
      path,
      depth: Math.min(depth, MAX_LIST_DEPTH),
      limit: Math.min(limit, MAX_LISTED),
    }, call);
    return await finished(exchange, exchange.result(FILE_RESULTS.list));
  }

  /**
   * Opens a regular file, or a saved output of an execution (`/outputs/…`), for reading.
   *
   * @param path The file.
   * @param options `offset`: the first byte; from the end where negative. `limit`: how many bytes at most.
   * @param call See {@link FileCall}; the deadline includes the reading of the bytes.
   * @returns The open file. Its bytes have backpressure: the agent sends only what is read.
   */
  async read(
    path: string,
    { offset = 0, limit }: { readonly offset?: number; readonly limit: number },
    call: FileCall = {},
  ): Promise<FileContent> {
    const exchange = await this.#open({ op: "read", path, offset, limit }, call);
    const head = await exchange.result(FILE_RESULTS.read);
    let left = head.length;
    let changed = false;
    const bytes = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        if (left > 0) {
          const chunk = await exchange.bytes(left);
          left -= chunk.length;
          controller.enqueue(chunk);
          return;
        }
        ({ changed } = await finished(exchange, exchange.result(FILE_RESULTS.readEnd)));
        controller.close();
      },
      cancel: () => exchange.close(),
    }, { highWaterMark: 0 });
    return { ...head, bytes, changed: () => changed };
  }

  /**
   * Writes a file. It appears under its name when all bytes are there; if anything fails before, nothing of it remains. Missing
   * folders are created.
   *
   * @param path The file.
   * @param source Its bytes.
   * @param options `overwrite`: whether a file of this name may be replaced. `size`: how many bytes `source` has; if it is known,
   * `workspace_full` is thrown before anything is written, and another number of bytes is an error.
   * @param call See {@link FileCall}.
   * @returns The size, and whether a file was replaced.
   * @throws {OmcpError} Also `file_exists`, `workspace_full`, `file_changed`, and what `source` throws.
   */
  async write(
    path: string,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    { overwrite, size }: { readonly overwrite: boolean; readonly size?: number },
    call: FileCall = {},
  ): Promise<{ readonly size: number; readonly replaced: boolean }> {
    const exchange = await this.#open({ op: "write", path, overwrite, size: size ?? null }, call);
    try {
      await exchange.result(FILE_RESULTS.writeBegin);
      const result = exchange.result(FILE_RESULTS.write);
      let replied = false;
      const early = result.then(() => {}, () => {}).then(() => void (replied = true));
      for await (const chunk of source) {
        // A reply before the end is an error, such as a full workspace.
        const sending = exchange.send(chunk);
        sending.catch(() => {});
        await Promise.race([sending, early]);
        if (replied) break;
      }
      if (!replied) await exchange.endSending();
      return await result;
    } finally {
      exchange.close();
    }
  }

  /**
   * Removes a file, a link itself, or a folder.
   *
   * @param path What to remove.
   * @param options `recursive`: also a folder that is not empty.
   * @param call See {@link FileCall}.
   * @returns How many names were removed.
   */
  async remove(
    path: string,
    { recursive = false }: { readonly recursive?: boolean } = {},
    call: FileCall = {},
  ): Promise<{ readonly removed: number }> {
    const exchange = await this.#open({ op: "remove", path, recursive }, call);
    return await finished(exchange, exchange.result(FILE_RESULTS.remove));
  }

  /**
   * Moves a file, a folder or a link itself. Missing folders are created.
   *
   * @param path What to move.
   * @param to Its new path.
   * @param options `overwrite`: whether a file of that name may be replaced.
   * @param call See {@link FileCall}.
   * @returns Whether something was replaced.
   * @throws {OmcpError} Also `file_exists`.
   */
  async move(
    path: string,
    to: string,
    { overwrite = false }: { readonly overwrite?: boolean } = {},
    call: FileCall = {},
  ): Promise<{ readonly replaced: boolean }> {
    const exchange = await this.#open({ op: "move", path, to, overwrite }, call);
    return await finished(exchange, exchange.result(FILE_RESULTS.move));
  }

  /**
   * How much space /workspace has.
   *
   * @param call See {@link FileCall}.
   */
  async space(call: FileCall = {}): Promise<FileSpace> {
    const exchange = await this.#open({ op: "space" }, call);
    return await finished(exchange, exchange.result(FILE_RESULTS.space));
  }

  async #open(request: FileRequest, { deadlineMs = DEADLINE_MS, signal }: FileCall): Promise<FileExchange> {
    this.#lifetime.throwIfEnded();
    this.#running += 1;
    return await FileExchange.open(request, {
      channel: this.#container.channel,
      deadlineMs,
      signal,
      failed: (error) => this.#failed(error),
      onEnd: () => {
        this.#running -= 1;
        this.#lifetime.touch();
      },
    });
  }

  /** Turns an error into the caller's. An invalid reply ends the sandbox, as an invalid event does; a broken channel has already ended it. */
  async #failed(error: unknown): Promise<never> {
    const lifetime = this.#lifetime;
    if (lifetime.end === undefined) {
      const broken = error instanceof OmcpError && error.code === "channel_failed";
      if (!broken && !(error instanceof InvalidReply)) throw error;
      const end = broken ? await within(lifetime.containerEnded, END_WAIT_MS) : undefined;
      const reason = `its file service failed: ${error.message}`;
      lifetime.remove({ state: "lost", reason: end?.reason ?? reason, oom: end?.outOfMemory ?? false });
    }
    await within(lifetime.removed, END_WAIT_MS);
    throw lifetime.endError() ?? error;
  }
}

async function finished<T>(exchange: FileExchange, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } finally {
    exchange.close();
  }
}
