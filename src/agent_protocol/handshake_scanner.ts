import { concatBytes } from "../lib/bytes.ts";
import { ByteSearch } from "./byte_search.ts";
import { ProtocolError } from "./protocol_error.ts";

/** How much may come before the nonce, the nonce included, in bytes (PROTOCOL.md, "Attach"). */
export const MAX_BEFORE_NONCE = 1024 * 1024;

/** Discards all that comes before the nonce: only what follows a secret the server has just made is the agent's. */
export class HandshakeScanner {
  readonly #nonce: Uint8Array;
  readonly #search: ByteSearch;
  /** The end of what came, where the nonce may have begun. */
  #tail: Uint8Array = new Uint8Array(0);
  #discarded = 0;

  /** @param nonce The bytes to wait for. */
  constructor(nonce: Uint8Array) {
    this.#nonce = nonce;
    this.#search = new ByteSearch(nonce);
  }

  /**
   * Takes the next chunk.
   *
   * @param chunk What came.
   * @returns What follows the nonce, or undefined while it has not come.
   * @throws {ProtocolError} `no_nonce`: too much came without it.
   */
  push(chunk: Uint8Array): Uint8Array | undefined {
    const bytes = concatBytes([this.#tail, chunk]);
    const found = this.#search.find(bytes.subarray(0, MAX_BEFORE_NONCE - this.#discarded));
    if (found >= 0) return bytes.subarray(found + this.#nonce.length);
    if (this.#discarded + bytes.length > MAX_BEFORE_NONCE) {
      throw new ProtocolError("no_nonce", `More than ${MAX_BEFORE_NONCE} bytes came without the nonce`);
    }
    const kept = Math.min(bytes.length, this.#nonce.length - 1);
    this.#tail = bytes.slice(bytes.length - kept);
    this.#discarded += bytes.length - kept;
    return undefined;
  }
}
