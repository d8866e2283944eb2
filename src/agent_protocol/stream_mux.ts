import { OmcpError } from "../errors.ts";
import { logger } from "../observability/log.ts";
import type { ByteStream } from "../lib/byte_stream.ts";
import { encodeFrame, type Frame, MAX_REASON } from "./frame.ts";
import { readOpen } from "./message.ts";
import { MuxStream, StreamResetError } from "./mux_stream.ts";
import type { Outbox, QueuedFrame } from "./outbox.ts";
import { ProtocolError } from "./protocol_error.ts";

/** So many streams may be open each way at a time (PROTOCOL.md, "Rules"). */
export const MAX_STREAMS = 96;

/** Takes a stream that the other side opened. What it throws resets the stream. */
export type Service = (stream: ByteStream) => void;

/** Which side's ids a multiplexer gives, and what it offers. */
export interface StreamMuxOptions {
  readonly outbox: Outbox;
  /** What the other side may open, by name. */
  readonly services: ReadonlyMap<string, Service>;
}

const log = logger("channel");
const utf8 = new TextDecoder();
const encoder = new TextEncoder();

/** The server's end of all streams of one attach. */
export class StreamMux {
  readonly #outbox: Outbox;
  readonly #services: ReadonlyMap<string, Service>;
  readonly #streams = new Map<number, MuxStream>();
  /** Ids are odd from the server, even from the agent, and rise: so one number says which were ever open. */
  #lastOwn = -1;
  #lastTheirs = 0;
  #openOwn = 0;
  #openTheirs = 0;
  #failure: { readonly error: unknown } | undefined;

  /** @param options See {@link StreamMuxOptions}. */
  constructor(options: StreamMuxOptions) {
    this.#outbox = options.outbox;
    this.#services = options.services;
  }

  /**
   * Opens a stream. A refusal comes later, as a {@link StreamResetError} on the stream.
   *
   * @param service The service's name.
   * @returns The stream; data may be written at once.
   * @throws {OmcpError} `capacity`: too many are open; `channel_failed`: the channel is over.
   */
  open(service: string): ByteStream {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#openOwn >= MAX_STREAMS) {
      throw new OmcpError("capacity", `At most ${MAX_STREAMS} streams may be open to a container`, {
        next: "Close a connection, or try again when one has ended.",
      });
    }
    this.#lastOwn += 2;
    const id = this.#lastOwn;
    this.#outbox.control(
      encodeFrame({ type: "OPEN", id, payload: encoder.encode(JSON.stringify({ service })) }),
    );
    this.#openOwn += 1;
    return this.#add(id);
  }

  /**
   * Takes a frame that belongs to a stream; others are left alone.
   *
   * @param frame The frame.
   * @throws {ProtocolError} It breaks the rules of streams.
   */
  onFrame(frame: Frame): void {
    const stream = this.#streams.get(frame.id);
    if (frame.type === "OPEN") this.#opened(frame);
    else if (stream === undefined) this.#onStray(frame);
    else if (frame.type === "DATA") stream.onData(frame.payload);
    else if (frame.type === "CREDIT") stream.onCredit(readU32(frame.payload));
    else if (frame.type === "END") stream.onEnd();
    else if (frame.type === "RESET") {
      stream.fail(new StreamResetError(`The other side reset the stream: ${readReason(frame)}`));
    }
  }

  /**
   * Ends all streams.
   *
   * @param error What their users get.
   */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    for (const stream of [...this.#streams.values()]) stream.fail(error);
  }

  #opened(frame: Frame): void {
    const service = readOpen(frame.payload);
    if (frame.id <= this.#lastTheirs) {
      throw new ProtocolError(
        "bad_id",
        `Cannot open stream: ids must rise: received ${frame.id} after ${this.#lastTheirs}`,
      );
    }
    this.#lastTheirs = frame.id;
    const serve = this.#services.get(service);
    if (serve === undefined) {
      this.#reset(frame.id, "there is no such service");
      return;
    }
    if (this.#openTheirs >= MAX_STREAMS) {
      this.#reset(frame.id, `at most ${MAX_STREAMS} streams may be open`);
      return;
    }
    this.#openTheirs += 1;
    const stream = this.#add(frame.id);
    try {
      serve(stream);
    } catch (error) {
      log.error("A service threw: {service}", { service, error: String(error) });
      stream.reset("the service failed");
    }
  }

  /** Frames for a stream that is gone were on their way; DATA for one that never was is a breach. */
  #onStray(frame: Frame): void {
    const known = frame.id <= (frame.id % 2 === 1 ? this.#lastOwn : this.#lastTheirs);
    if (frame.type === "DATA" && !known) {
      throw new ProtocolError("not_open", `Cannot read DATA: stream ${frame.id} was never opened`);
    }
  }

  #add(id: number): MuxStream {
    const outbox = this.#outbox;
    let queued: QueuedFrame | undefined;
    const stream = new MuxStream({
      data: (payload) => {
        queued = outbox.send(encodeFrame({ type: "DATA", id, payload }));
        return queued.sent;
      },
      credit: (bytes) => outbox.control(encodeFrame({ type: "CREDIT", id, payload: writeU32(bytes) })),
      end: () => outbox.control(encodeFrame({ type: "END", id })),
      reset: (reason) => this.#reset(id, reason),
      gone: () => {
        if (queued !== undefined) outbox.withdraw(queued);
        this.#streams.delete(id);
        if (id % 2 === 1) this.#openOwn -= 1;
        else this.#openTheirs -= 1;
      },
    });
    this.#streams.set(id, stream);
    return stream;
  }

  #reset(id: number, reason: string): void {
    const payload = new Uint8Array(MAX_REASON);
    const { written } = encoder.encodeInto(reason, payload);
    this.#outbox.control(encodeFrame({ type: "RESET", id, payload: payload.subarray(0, written) }));
  }
}

/** The reason of a RESET, fit for an error's message: it may hold anything. */
function readReason(frame: Frame): string {
  return utf8.decode(frame.payload).replaceAll(/\p{Cc}/gu, "\ufffd");
}

function readU32(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getUint32(0);
}

function writeU32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
