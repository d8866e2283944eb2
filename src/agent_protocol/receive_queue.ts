/** Payloads below this size are copied into blocks of this size, in bytes. */
const BLOCK_BYTES = 16 * 1024;

/**
 * Received bytes that the consumer has not read. Its memory is at most about twice its content: it keeps a large payload
 * without copying if the payload fills at least half of its buffer, and copies small payloads into shared blocks.
 */
export class ReceiveQueue {
  #chunks: Uint8Array[] = [];
  /** The block that collects small payloads; it follows the last chunk. */
  #block: { readonly buffer: Uint8Array; end: number } | undefined;

  /** Whether it holds no bytes. */
  get isEmpty(): boolean {
    return this.#chunks.length === 0 && this.#block === undefined;
  }

  /**
   * Adds a payload.
   *
   * @param payload May be a view on a larger buffer.
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

  /** @returns The next bytes, or undefined if there are none. */
  shift(): Uint8Array | undefined {
    if (this.#chunks.length === 0) this.#closeBlock();
    return this.#chunks.shift();
  }

  /** Drops all bytes. */
  clear(): void {
    this.#chunks = [];
    this.#block = undefined;
  }

  #closeBlock(): void {
    if (this.#block === undefined) return;
    const { buffer, end } = this.#block;
    this.#block = undefined;
    const bytes = buffer.subarray(0, end);
    // A block that is less than half full is copied to its size.
    this.#chunks.push(2 * bytes.length >= buffer.length ? bytes : bytes.slice());
  }
}
