/** Up to this many bytes are copied one by one: a view for the copy of a header would be garbage for each frame. */
const SHORT_BYTES = 16;

/** Gathers a known number of bytes, such as a frame's header, from chunks that are cut anywhere. */
export class ByteGatherer {
  /** The gathered bytes; the rest is still zero. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  #filled = 0;

  /** @param size How many bytes to gather. */
  constructor(size: number) {
    this.bytes = new Uint8Array(size);
  }

  /** How many bytes it has gathered. */
  get filled(): number {
    return this.#filled;
  }

  /** Whether it has gathered all bytes. */
  get isFull(): boolean {
    return this.#filled === this.bytes.length;
  }

  /**
   * Copies bytes until none is missing or the chunk ends.
   *
   * @param chunk The bytes to copy from.
   * @param at The index of the first.
   * @returns The index of the first byte that was not copied.
   */
  take(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.bytes.length - this.#filled);
    if (end - at > SHORT_BYTES) this.bytes.set(chunk.subarray(at, end), this.#filled);
    else for (let from = at; from < end; from += 1) this.bytes[this.#filled + from - at] = chunk[from] ?? 0;
    this.#filled += end - at;
    return end;
  }

  /** Starts again with no bytes. */
  clear(): void {
    this.#filled = 0;
  }
}
