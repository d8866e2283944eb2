import type { Frame } from "./frame.ts";
import { ProtocolError } from "./protocol_error.ts";

/** The longest assembled HELLO or EVENT, in bytes (PROTOCOL.md, "Frame"). Parsing one must not block the server for long. */
export const MAX_MESSAGE = 256 * 1024;
/** The longest request, in bytes. */
export const MAX_REQUEST = 8 * 1024 * 1024;
/** Limits of all incomplete messages together. */
const MAX_UNFINISHED_BYTES = 2 * MAX_REQUEST;
const MAX_UNFINISHED = 64;

interface Unfinished {
  buffer: Uint8Array;
  length: number;
  readonly seq: number;
}

/**
 * Assembles JSON messages from frames with MORE. It copies the parts of a message into one growing buffer,
 * so that many tiny parts cost no more memory than their bytes.
 */
export class MessageAssembler {
  readonly #unfinished = new Map<string, Unfinished>();
  #bytes = 0;

  /**
   * Adds a HELLO, REQUEST or EVENT frame.
   *
   * @param frame The frame.
   * @returns The complete message, or undefined while parts are missing. May be a view on the frame's payload.
   * @throws {ProtocolError} `bad_seq`, `message_too_long` or `too_many_messages`.
   */
  push(frame: Frame): Uint8Array | undefined {
    const key = `${frame.type} ${frame.id}`;
    const begun = this.#unfinished.get(key);
    if (begun === undefined && !frame.more) return frame.payload;
    const message = begun ?? this.#begin(key, frame.seq);
    if (message.seq !== frame.seq) {
      throw new ProtocolError(
        "bad_seq",
        `Cannot read message: its parts have different numbers: ${message.seq} and ${frame.seq}`,
      );
    }
    this.#append(message, frame);
    if (frame.more) return undefined;
    this.#unfinished.delete(key);
    this.#bytes -= message.length;
    return message.buffer.subarray(0, message.length);
  }

  #begin(key: string, seq: number): Unfinished {
    if (this.#unfinished.size >= MAX_UNFINISHED) {
      throw new ProtocolError(
        "too_many_messages",
        `Cannot read message: at most ${MAX_UNFINISHED} messages may be incomplete at a time`,
      );
    }
    const message = { buffer: new Uint8Array(0), length: 0, seq };
    this.#unfinished.set(key, message);
    return message;
  }

  #append(message: Unfinished, frame: Frame): void {
    const most = frame.type === "REQUEST" ? MAX_REQUEST : MAX_MESSAGE;
    const length = message.length + frame.payload.length;
    this.#bytes += frame.payload.length;
    if (length > most || this.#bytes > MAX_UNFINISHED_BYTES) {
      throw new ProtocolError(
        "message_too_long",
        `Cannot read message: ${frame.type} may have at most ${most} bytes, all incomplete messages ${MAX_UNFINISHED_BYTES}`,
      );
    }
    if (length > message.buffer.length) {
      const grown = new Uint8Array(Math.min(most, Math.max(length, 2 * message.buffer.length)));
      grown.set(message.buffer.subarray(0, message.length));
      message.buffer = grown;
    }
    message.buffer.set(frame.payload, message.length);
    message.length = length;
  }
}
