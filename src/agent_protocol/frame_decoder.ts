import { type Frame, type FrameHeader, HEADER_BYTES, readHeader, type Side } from "./frame.ts";

/**
 * Finds the frames in a stream of bytes that comes in any chunks.
 *
 * A payload that lies whole in a chunk is handed out as a view on it; one that spans chunks is copied once, into a buffer of
 * the length its checked header announced. Nothing else is allocated.
 */
export class FrameDecoder {
  readonly #from: Side;
  readonly #head = new Uint8Array(HEADER_BYTES);
  #headLength = 0;
  #header: FrameHeader | undefined;
  #payload: Uint8Array | undefined;
  #payloadLength = 0;
  #failure: unknown;

  /** @param from Who sends the bytes. */
  constructor(from: Side) {
    this.#from = from;
  }

  /** Bytes taken of a frame that is not whole yet. */
  get pending(): number {
    return this.#headLength + this.#payloadLength;
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
    while (at < chunk.length || this.#header?.length === this.#payloadLength) {
      const header = this.#header;
      if (header === undefined) at = this.#takeHeader(chunk, at);
      else if (this.#payload === undefined && chunk.length - at >= header.length) {
        const payload = chunk.subarray(at, at + header.length);
        at += header.length;
        this.#finish(header, payload, onFrame);
      } else at = this.#takePayload(header, chunk, { at, onFrame });
    }
  }

  #takeHeader(chunk: Uint8Array, at: number): number {
    // The header's bytes are few: gathering them always keeps one way through.
    const end = Math.min(chunk.length, at + HEADER_BYTES - this.#headLength);
    this.#head.set(chunk.subarray(at, end), this.#headLength);
    this.#headLength += end - at;
    if (this.#headLength === HEADER_BYTES) {
      try {
        this.#header = readHeader(this.#head, 0, this.#from);
      } catch (error) {
        this.#failure = error;
        throw error;
      }
    }
    return end;
  }

  #takePayload(
    header: FrameHeader,
    chunk: Uint8Array,
    place: { readonly at: number; readonly onFrame: (frame: Frame) => void },
  ): number {
    this.#payload ??= new Uint8Array(header.length);
    const end = Math.min(chunk.length, place.at + header.length - this.#payloadLength);
    this.#payload.set(chunk.subarray(place.at, end), this.#payloadLength);
    this.#payloadLength += end - place.at;
    if (this.#payloadLength === header.length) this.#finish(header, this.#payload, place.onFrame);
    return end;
  }

  #finish(header: FrameHeader, payload: Uint8Array, onFrame: (frame: Frame) => void): void {
    this.#header = undefined;
    this.#payload = undefined;
    this.#headLength = 0;
    this.#payloadLength = 0;
    onFrame({ type: header.type, more: header.more, id: header.id, seq: header.seq, payload });
  }
}
