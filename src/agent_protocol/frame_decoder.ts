import { ByteGatherer } from "../lib/byte_gatherer.ts";
import { type Frame, type FrameHeader, HEADER_BYTES, readHeader, type Side } from "./frame.ts";

/**
 * Finds the frames in a stream of bytes that comes in any chunks.
 *
 * A payload that lies whole in a chunk is handed out as a view on it; one that spans chunks is copied once, into a buffer of
 * the length its checked header announced. Nothing else is allocated.
 */
export class FrameDecoder {
  readonly #from: Side;
  readonly #head = new ByteGatherer(HEADER_BYTES);
  #header: FrameHeader | undefined;
  /** Present for a payload that spans chunks. */
  #payload: ByteGatherer | undefined;
  #failure: unknown;

  /** @param from Who sends the bytes. */
  constructor(from: Side) {
    this.#from = from;
  }

  /** Bytes taken of a frame that is not whole yet. */
  get pending(): number {
    return this.#head.filled + (this.#payload?.filled ?? 0);
  }

  /**
   * Takes the next chunk.
   *
   * @param chunk Any number of bytes; not to be changed afterwards.
   * @param onFrame Gets each frame that is whole by now, in order.
   * @throws {ProtocolError} At the first wrong header, after the frames before it were handed out, and at each later call.
   */
  push(chunk: Uint8Array, onFrame: (frame: Frame) => void): void {
    if (this.#failure !== undefined) throw this.#failure;
    let at = 0;
    // A frame without a payload is whole with its header, though the chunk is used up.
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
    // The header's bytes are few: copying them in all cases leaves one code path.
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
