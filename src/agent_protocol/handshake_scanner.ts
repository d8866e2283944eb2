import { concatBytes } from "../lib/bytes.ts";
import { ByteSearch } from "./byte_search.ts";
import { ProtocolError } from "./protocol_error.ts";

/** The nonce must be complete within this many bytes (PROTOCOL.md, "Attach"). */
export const MAX_BEFORE_NONCE = 1024 * 1024;

/** Discards everything before the nonce: only the agent knows that secret, so only what follows it is from the agent. */
export class HandshakeScanner {
  readonly #nonce: Uint8Array;
  readonly #search: ByteSearch;
  /** The last bytes received: the nonce may begin in them. */
  #tail: Uint8Array = new Uint8Array(0);
  #discarded = 0;

  /** @param nonce The bytes to wait for. */
  constructor(nonce: Uint8Array) {
    this.#nonce = nonce;
    this.#search = new ByteSearch(nonce);
  }

  /**
   * Scans the next chunk.
   *
   * @param chunk The bytes received.
   * @returns The bytes after the nonce, or undefined until the nonce has arrived.
   * @throws {ProtocolError} `no_nonce`: more than {@link MAX_BEFORE_NONCE} bytes arrived without it.
   */
  push(chunk: Uint8Array): Uint8Array | undefined {
    const bytes = concatBytes([this.#tail, chunk]);
    const found = this.#search.find(bytes.subarray(0, MAX_BEFORE_NONCE - this.#discarded));
    if (found >= 0) return bytes.subarray(found + this.#nonce.length);
    if (this.#discarded + bytes.length > MAX_BEFORE_NONCE) {
      throw new ProtocolError("no_nonce", `More than ${MAX_BEFORE_NONCE} bytes arrived without the nonce`);
    }
    const kept = Math.min(bytes.length, this.#nonce.length - 1);
    this.#tail = bytes.slice(bytes.length - kept);
    this.#discarded += bytes.length - kept;
    return undefined;
  }
}
