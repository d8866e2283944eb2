import { setTimeout as delay } from "node:timers/promises";
import { OmcpError } from "../../errors.ts";
import type { Progress } from "../../image_setup/mod.ts";

/** Options of {@link withLock}. */
export interface LockOptions {
  /** The file to lock; created if absent, never removed. */
  readonly path: string;
  /** Milliseconds to wait for another holder. */
  readonly deadlineMs: number;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** Milliseconds between two attempts. */
const POLL_MS = 250;

/**
 * Runs work while holding a lock on a file, so that two programs do not run it at once. The system releases the lock when its holder
 * exits.
 *
 * @param options The file and the deadline.
 * @param work What to do.
 * @returns What the work returns.
 * @throws {OmcpError} `timeout` if another program holds the lock past the deadline; `config_invalid` if the file cannot be opened.
 */
export async function withLock<T>(options: LockOptions, work: () => Promise<T>): Promise<T> {
  const file = await open(options.path);
  try {
    await acquire(file, options);
    return await work();
  } finally {
    // Closing releases the lock.
    file.close();
  }
}

/**
 * The lock file that set-ups of one user share.
 *
 * @param read Looks up an environment variable.
 * @returns An absolute path.
 */
export function setupLockPath(read: (name: string) => string | undefined): string {
  const home = read("HOME");
  const cache = read("XDG_CACHE_HOME") || (home ? `${home}/.cache` : "/tmp");
  return `${cache}/omcp-python-sandbox/setup.lock`;
}

async function open(path: string): Promise<Deno.FsFile> {
  try {
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o700 });
    return await Deno.open(path, { create: true, read: true, write: true, mode: 0o600 });
  } catch (cause) {
    throw new OmcpError("config_invalid", `Cannot lock the set-up: ${path} cannot be opened`, {
      state: "Nothing was done.",
      next: "Set XDG_CACHE_HOME to a folder that this user can write to.",
      cause,
    });
  }
}

async function acquire(file: Deno.FsFile, options: LockOptions): Promise<void> {
  const end = performance.now() + options.deadlineMs;
  for (let reported = false; !(await file.tryLock(true)); reported = true) {
    options.signal?.throwIfAborted();
    if (!reported) options.progress("another set-up is running; waiting for it");
    if (performance.now() > end) {
      throw new OmcpError(
        "timeout",
        `Cannot set up: another set-up has run for ${options.deadlineMs / 1000} s`,
        {
          state: "Nothing was done.",
          next: "Wait for it or end it, then try again.",
        },
      );
    }
    await delay(POLL_MS);
  }
}
