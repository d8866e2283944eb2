import { OmcpError } from "../errors.ts";
import { ByteGatherer } from "../lib/byte_gatherer.ts";
import { readUint32 } from "../lib/bytes.ts";
import { sanitizeMessage } from "./engine_errors.ts";

/** A piece of a container's output. */
export interface OutputPiece {
  readonly stream: "stdout" | "stderr";
  /** A view of the chunk passed in, never a copy. */
  readonly bytes: Uint8Array;
}

const HEADER_BYTES = 8;
const STDOUT = 1;
const STDERR = 2;
/** The engine's own error about the stream (API 1.49 and newer). */
const ENGINE_ERROR = 3;
/** How much of the engine's own error is kept, in bytes. */
const MAX_ENGINE_ERROR = 4_096;

/**
 * Splits the engine's attach stream into stdout and stderr.
 *
 * Its frames (Engine API, "Stream format": one byte of stream, three zeroes, a big-endian u32 of length, then the payload)
 * may be cut anywhere by the transport. Payloads are passed on in the pieces that arrive: nothing is joined, so that an announced
 * length never causes an allocation.
 */
export class Demultiplexer {
  readonly #header = new ByteGatherer(HEADER_BYTES);
  #stream = 0;
  #remaining = 0;
  #engineError: number[] = [];

  /**
   * Takes the next bytes of the stream.
   *
   * @param chunk Any piece of it.
   * @returns The output in it, in order.
   * @throws {OmcpError} `engine_failed` for bytes that are not such frames, or for an error that the engine sends in one.
   */
  *push(chunk: Uint8Array): Generator<OutputPiece, void> {
    let offset = 0;
    while (offset < chunk.byteLength) {
      if (this.#remaining === 0) {
        offset = this.#header.take(chunk, offset);
        if (this.#header.isFull) this.#readHeader();
        continue;
      }
      const bytes = chunk.subarray(offset, offset + this.#remaining);
      offset += bytes.byteLength;
      this.#remaining -= bytes.byteLength;
      if (this.#stream === ENGINE_ERROR) this.#takeEngineError(bytes);
      else yield { stream: this.#stream === STDOUT ? "stdout" : "stderr", bytes };
    }
  }

  /**
   * Ends the stream.
   *
   * @throws {OmcpError} `engine_failed` if it ends within a frame.
   */
  end(): void {
    if (this.#remaining === 0 && this.#header.filled === 0) return;
    const missing = this.#remaining > 0
      ? `${this.#remaining} bytes of payload`
      : `${HEADER_BYTES - this.#header.filled} bytes of header`;
    throw failed(`it ends within a frame: ${missing} are missing`);
  }

  #readHeader(): void {
    this.#header.clear();
    const { bytes } = this.#header;
    const word = readUint32(bytes, 0);
    this.#stream = word >>> 24;
    this.#remaining = readUint32(bytes, 4);
    const known = this.#stream === STDOUT || this.#stream === STDERR || this.#stream === ENGINE_ERROR;
    if (!known || (word & 0xffffff) !== 0) {
      throw failed(`unknown frame header 0x${word.toString(16).padStart(8, "0")}`);
    }
  }

  #takeEngineError(bytes: Uint8Array): void {
    const room = MAX_ENGINE_ERROR - this.#engineError.length;
    this.#engineError.push(...bytes.subarray(0, Math.max(room, 0)));
    if (this.#remaining > 0) return;
    throw failed(sanitizeMessage(new TextDecoder().decode(new Uint8Array(this.#engineError))));
  }
}

function failed(what: string): OmcpError {
  return new OmcpError("engine_failed", `Cannot read a container's output: ${what}`, {
    state: "The container may still run.",
    next: "Attach again, or remove the container.",
  });
}
