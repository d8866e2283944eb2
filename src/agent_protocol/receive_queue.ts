/** Payloads below this size are copied into blocks of this size, in bytes. */
const BLOCK_BYTES = 16 * 1024;

/**
 * Bytes that came and were not taken yet. It holds at most about twice the bytes that are in it: a large payload is kept as it
 * is where it fills its buffer, small ones are gathered, so that a flood of one-byte frames costs no more than its bytes.
 */
export class ReceiveQueue {
  #chunks: Uint8Array[] = [];
  /** A block of our own that has room behind the last chunk. */
  #block: { readonly buffer: Uint8Array; end: number } | undefined;

  /** Whether nothing waits. */
  get isEmpty(): boolean {
    return this.#chunks.length === 0 && this.#block === undefined;
  }

  /**
   * Adds a payload.
   *
   * @param payload Perhaps a view on a larger buffer.
   */
  push(payload: Uint8Array): void {
    if (payload.length >= BLOCK_BYTES) {
      this.#closeBlock();
      const fills = 2 * payload.length >= payload.buffer.byteLength;
      this.#chunks.push(fills ? payload : payload.slice());
      return;
    }
    if (this.#block !== undefined && this.#block.end + payload.length > BLOCK_BYTES) this.#closeBlock();
    this.#block ??= { buffer: new Uint8Array(BLOCK_BYTES), end: 0 };
    this.#block.buffer.set(payload, this.#block.end);
    this.#block.end += payload.length;
  }

  /** @returns The next bytes, or undefined where there are none. */
  shift(): Uint8Array | undefined {
    if (this.#chunks.length === 0) this.#closeBlock();
    return this.#chunks.shift();
  }

  /** Forgets all. */
  clear(): void {
    this.#chunks = [];
    this.#block = undefined;
  }

  #closeBlock(): void {
    if (this.#block === undefined) return;
    const { buffer, end } = this.#block;
    this.#block = undefined;
    const bytes = buffer.subarray(0, end);
    // A block with little in it is not worth keeping whole.
    this.#chunks.push(2 * bytes.length >= buffer.length ? bytes : bytes.slice());
  }
}
