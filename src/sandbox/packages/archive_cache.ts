/** Keeps resolved and downloaded sets of packages, so that a second sandbox gets the same set without a network. */
import type { Clock } from "../../lib/clock.ts";
import type { Plan } from "./resolver_answer.ts";

const MIB = 1024 * 1024;
/** Bytes of all compressed archives together; they are in the server's memory. */
export const CACHE_BYTES = 128 * MIB;
/** A larger archive is not kept. */
export const CACHE_ENTRY_BYTES = 64 * MIB;
const CACHE_ENTRIES = 200;
/** A set is resolved again after this long, because the index gets newer versions. */
const MAX_AGE_MS = 6 * 3_600_000;

/** A set of packages. */
export interface CachedSet {
  readonly plan: Plan;
  readonly archive: readonly Uint8Array[];
}

interface Entry extends CachedSet {
  readonly bytes: number;
  readonly since: number;
}

/** The cache of one server. */
export class ArchiveCache {
  readonly #entries = new Map<string, Entry>();
  readonly #clock: Pick<Clock, "monotonic">;
  #bytes = 0;

  /** @param clock Where it reads the time. */
  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /** Bytes of all archives. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Finds a set, and counts now as its last use.
   *
   * @param key What it was resolved from.
   */
  get(key: string): CachedSet | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#delete(key);
    if (this.#clock.monotonic() - entry.since > MAX_AGE_MS) return undefined;
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
    return entry;
  }

  /**
   * Keeps a set, unless it is too large; to make room, drops those that have been unused for the longest.
   *
   * @param key What it was resolved from.
   * @param set The set.
   */
  put(key: string, set: CachedSet): void {
    const bytes = set.archive.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    if (bytes > CACHE_ENTRY_BYTES) return;
    this.#delete(key);
    this.#entries.set(key, { ...set, bytes, since: this.#clock.monotonic() });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= CACHE_BYTES && this.#entries.size <= CACHE_ENTRIES) break;
      this.#delete(oldest);
    }
  }

  #delete(key: string): void {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
  }
}
