import { ByteSearch } from "./byte_search.ts";
import { ProtocolViolation } from "./violation.ts";

/** How much may come before the epoch, the epoch included, in bytes (PROTOCOL.md, "Attach"). */
export const MAX_BEFORE_EPOCH = 1024 * 1024;

/** Discards all that comes before the epoch: only what follows a secret the server has just made is the agent's. */
export class EpochGate {
  readonly #epoch: Uint8Array;
  readonly #search: ByteSearch;
  /** The end of what came, where the epoch may have begun. */
  #tail: Uint8Array = new Uint8Array(0);
  #discarded = 0;

  /** @param epoch The bytes to wait for. */
  constructor(epoch: Uint8Array) {
    this.#epoch = epoch;
    this.#search = new ByteSearch(epoch);
  }

  /**
   * Takes the next chunk.
   *
   * @param chunk What came.
   * @returns What follows the epoch, or undefined while it has not come.
   * @throws {ProtocolViolation} `no_epoch`: too much came without it.
   */
  push(chunk: Uint8Array): Uint8Array | undefined {
    const bytes = new Uint8Array(this.#tail.length + chunk.length);
    bytes.set(this.#tail);
    bytes.set(chunk, this.#tail.length);
    const found = this.#search.find(bytes.subarray(0, MAX_BEFORE_EPOCH - this.#discarded));
    if (found >= 0) return bytes.subarray(found + this.#epoch.length);
    if (this.#discarded + bytes.length > MAX_BEFORE_EPOCH) {
      throw new ProtocolViolation("no_epoch", `More than ${MAX_BEFORE_EPOCH} bytes came without the epoch`);
    }
    const kept = Math.min(bytes.length, this.#epoch.length - 1);
    this.#tail = bytes.slice(bytes.length - kept);
    this.#discarded += bytes.length - kept;
    return undefined;
  }
}
