/** Gathers a known number of bytes, such as a frame's header, from chunks that are cut anywhere. */
export class ByteGatherer {
  /** What was gathered; the rest is still zero. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  #filled = 0;

  /** @param size How many bytes to gather. */
  constructor(size: number) {
    this.bytes = new Uint8Array(size);
  }

  /** How many bytes are there. */
  get filled(): number {
    return this.#filled;
  }

  /** Whether all bytes are there. */
  get isFull(): boolean {
    return this.#filled === this.bytes.length;
  }

  /**
   * Copies the next bytes, as many as are missing and there.
   *
   * @param chunk Where from.
   * @param at Where they start in it.
   * @returns Where the first byte lies that was not taken.
   */
  take(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.bytes.length - this.#filled);
    this.bytes.set(chunk.subarray(at, end), this.#filled);
    this.#filled += end - at;
    return end;
  }

  /** Starts again with no bytes. */
  clear(): void {
    this.#filled = 0;
  }
}
