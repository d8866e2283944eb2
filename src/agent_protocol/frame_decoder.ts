import { ByteGatherer } from "../lib/byte_gatherer.ts";
import { type Frame, type FrameHeader, HEADER_BYTES, readHeader, type Side } from "./frame.ts";

/**
 * Decodes frames from a stream of bytes in chunks of any size.
 *
 * A payload within one chunk becomes a view on that chunk. A payload that spans chunks is copied once, into a buffer of
 * the length in its checked header. No other buffer is allocated for it.
 */
export class FrameDecoder {
  readonly #from: Side;
  readonly #head = new ByteGatherer(HEADER_BYTES);
  #header: FrameHeader | undefined;
  /** Set for a payload that spans chunks. */
  #payload: ByteGatherer | undefined;
  #failure: unknown;

  /** @param from Who sends the bytes. */
  constructor(from: Side) {
    this.#from = from;
  }

  /** Bytes received of an incomplete frame. */
  get pending(): number {
    return this.#head.filled + (this.#payload?.filled ?? 0);
  }

  /**
   * Decodes the next chunk.
   *
   * @param chunk Any number of bytes; must not be changed afterwards.
   * @param onFrame Receives each complete frame, in order.
   * @throws {ProtocolError} At the first invalid header, after `onFrame` got the frames before it, and at each later call.
   */
  push(chunk: Uint8Array, onFrame: (frame: Frame) => void): void {
    if (this.#failure !== undefined) throw this.#failure;
    let at = 0;
    // A frame without a payload is complete with its header, even at the chunk's end.
    while (at < chunk.length || this.#header?.length === 0) {
      const header = this.#header;
      if (header === undefined) at = this.#takeHeader(chunk, at);
      else if (this.#payload === undefined && chunk.length - at >= header.length) {
        const payload = chunk.subarray(at, at + header.length);
        at += header.length;
        this.#finish(header, payload, onFrame);
      } else {
        this.#payload ??= new ByteGatherer(header.length);
        at = this.#payload.take(chunk, at);
        if (this.#payload.isFull) this.#finish(header, this.#payload.bytes, onFrame);
      }
    }
  }

  #takeHeader(chunk: Uint8Array, at: number): number {
    // A header has 16 bytes: always copying it keeps one code path.
    const end = this.#head.take(chunk, at);
    if (this.#head.isFull) {
      try {
        this.#header = readHeader(this.#head.bytes, 0, this.#from);
      } catch (error) {
        this.#failure = error;
        throw error;
      }
    }
    return end;
  }

  #finish(header: FrameHeader, payload: Uint8Array, onFrame: (frame: Frame) => void): void {
    this.#header = undefined;
    this.#payload = undefined;
    this.#head.clear();
    onFrame({ type: header.type, more: header.more, id: header.id, seq: header.seq, payload });
  }
}
