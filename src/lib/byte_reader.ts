import { concatBytes } from "./bytes.ts";
import type { ByteStream } from "./byte_stream.ts";

/** The stream ended in the middle of something that was announced. */
export class TruncatedStreamError extends Error {
  override readonly name = "TruncatedStreamError";
}

const EMPTY = new Uint8Array(0);
const LINE_FEED = 10;

/**
 * Reads exact amounts and lines from a stream of chunks. It holds at most one chunk and the amount requested,
 * and allocates as bytes arrive, not as they are announced.
 */
export class ByteReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #chunk: Uint8Array = EMPTY;
  #offset = 0;

  /**
   * Makes a reader.
   *
   * @param readable The stream; this reader keeps its lock.
   */
  constructor(readable: ByteStream["readable"]) {
    this.#reader = readable.getReader();
  }

  /** Bytes that are available without waiting. */
  get buffered(): number {
    return this.#chunk.length - this.#offset;
  }

  /** Looks at a byte that is already here; undefined beyond {@link buffered}. */
  peek(index: number): number | undefined {
    return this.#chunk[this.#offset + index];
  }

  /**
   * Takes bytes that are already here.
   *
   * @param size How many, at most {@link buffered}.
   * @returns A view on the chunk that they arrived in.
   */
  take(size: number): Uint8Array {
    const taken = this.#chunk.subarray(this.#offset, this.#offset + size);
    this.#offset += size;
    if (this.buffered === 0) this.#drop();
    return taken;
  }

  /**
   * Reads the next bytes, as many as arrived together.
   *
   * @param most How many at most, above 0.
   * @returns At least one byte, or undefined at the end of the stream.
   */
  async readSome(most = Infinity): Promise<Uint8Array | undefined> {
    if (!await this.#fill()) return undefined;
    return this.take(Math.min(most, this.buffered));
  }

  /**
   * Reads an exact number of bytes.
   *
   * @param size How many.
   * @returns The bytes, or undefined if the stream ended before the first one.
   * @throws {TruncatedStreamError} If it ended after the first one.
   */
  async readExactly(size: number): Promise<Uint8Array | undefined> {
    if (size === 0) return EMPTY;
    if (this.buffered >= size) return this.take(size);
    const parts: Uint8Array[] = [];
    let missing = size;
    while (missing > 0) {
      if (!await this.#fill()) {
        if (missing === size) return undefined;
        throw new TruncatedStreamError(`Stream ended ${missing} bytes early`);
      }
      const part = this.take(Math.min(missing, this.buffered));
      parts.push(part);
      missing -= part.length;
    }
    return concatBytes(parts);
  }

  /**
   * Reads a line.
   *
   * @param most Bytes of the longest one.
   * @returns The line without its line feed; or why there is none.
   */
  async readLine(most: number): Promise<Uint8Array | "ended" | "too_long"> {
    const parts: Uint8Array[] = [];
    let size = 0;
    while (await this.#fill()) {
      const end = this.#chunk.indexOf(LINE_FEED, this.#offset);
      const part = this.take(end < 0 ? this.buffered : end - this.#offset);
      size += part.length;
      if (size > most) return "too_long";
      parts.push(part);
      if (end < 0) continue;
      this.#offset += 1;
      return concatBytes(parts);
    }
    return "ended";
  }

  /**
   * Discards a number of bytes as they arrive.
   *
   * @param size How many.
   * @throws {TruncatedStreamError} If the stream ends before.
   */
  async skip(size: number): Promise<void> {
    let missing = size;
    while (missing > 0) {
      if (!await this.#fill()) throw new TruncatedStreamError(`Stream ended ${missing} bytes early`);
      missing -= this.take(Math.min(missing, this.buffered)).length;
    }
  }

  /** Drops the stream; a waiting read ends as at the end of the stream. */
  async cancel(): Promise<void> {
    this.#drop();
    try {
      await this.#reader.cancel();
    } catch {
      // The stream has failed before.
    }
  }

  #drop(): void {
    this.#chunk = EMPTY;
    this.#offset = 0;
  }

  async #fill(): Promise<boolean> {
    while (this.#offset >= this.#chunk.length) {
      const { done, value } = await this.#reader.read();
      if (done) return false;
      this.#chunk = value;
      this.#offset = 0;
    }
    return true;
  }
}
