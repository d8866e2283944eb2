import { OmcpError } from "../errors.ts";
import { logger } from "../observability/log.ts";
import { readUint32 } from "../lib/bytes.ts";
import type { ByteStream } from "../lib/byte_stream.ts";
import { encodeFrame, type Frame, MAX_REASON } from "./frame.ts";
import { readOpen } from "./message.ts";
import { MuxStream, StreamResetError } from "./mux_stream.ts";
import type { Outbox, QueuedFrame } from "./outbox.ts";
import { ProtocolError } from "./protocol_error.ts";

/** The most streams of each side that may be open at a time (PROTOCOL.md, "Rules"). */
export const MAX_STREAMS = 96;

/** Serves a stream that the agent opened. If it throws, the stream is reset. */
export type Service = (stream: ByteStream) => void;

/** What a {@link StreamMux} sends with, and the services that it offers. */
export interface StreamMuxOptions {
  readonly outbox: Outbox;
  /** The services that the agent may open streams to, by name. */
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
  /** Ids increase (odd from the server, even from the agent): an id up to the last one was open at some time. */
  #lastOwnId = -1;
  #lastPeerId = 0;
  #openOwn = 0;
  #openPeer = 0;
  #failure: { readonly error: unknown } | undefined;

  /** @param options See {@link StreamMuxOptions}. */
  constructor(options: StreamMuxOptions) {
    this.#outbox = options.outbox;
    this.#services = options.services;
  }

  /**
   * Opens a stream. If the agent refuses it, the stream fails later with a {@link StreamResetError}.
   *
   * @param service The service's name.
   * @returns The stream; it can be written to at once.
   * @throws {OmcpError} `capacity`: too many streams are open; `channel_failed`: the channel has ended.
   */
  open(service: string): ByteStream {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#openOwn >= MAX_STREAMS) {
      throw new OmcpError("capacity", `At most ${MAX_STREAMS} streams may be open to a container`, {
        next: "Close a connection, or try again when one has ended.",
      });
    }
    this.#lastOwnId += 2;
    const id = this.#lastOwnId;
    this.#outbox.control(
      encodeFrame({ type: "OPEN", id, payload: encoder.encode(JSON.stringify({ service })) }),
    );
    this.#openOwn += 1;
    return this.#add(id);
  }

  /**
   * Handles a frame that belongs to a stream; ignores others.
   *
   * @param frame The frame.
   * @throws {ProtocolError} The frame violates the rules of streams.
   */
  onFrame(frame: Frame): void {
    const stream = this.#streams.get(frame.id);
    if (frame.type === "OPEN") this.#onOpen(frame);
    else if (stream === undefined) this.#onStrayFrame(frame);
    else if (frame.type === "DATA") stream.onData(frame.payload);
    else if (frame.type === "CREDIT") stream.onCredit(readUint32(frame.payload, 0));
    else if (frame.type === "END") stream.onEnd();
    else if (frame.type === "RESET") {
      const reason = readReason(frame);
      stream.fail(new StreamResetError(`The agent reset the stream: ${reason}`, reason));
    }
  }

  /**
   * Ends all streams.
   *
   * @param error The error of pending and later reads and writes.
   */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    for (const stream of [...this.#streams.values()]) stream.fail(error);
  }

  #onOpen(frame: Frame): void {
    const service = readOpen(frame.payload);
    if (frame.id <= this.#lastPeerId) {
      throw new ProtocolError(
        "bad_id",
        `Cannot open stream: ids must increase; received ${frame.id} after ${this.#lastPeerId}`,
      );
    }
    this.#lastPeerId = frame.id;
    const serve = this.#services.get(service);
    if (serve === undefined) {
      this.#reset(frame.id, "unknown service");
      return;
    }
    if (this.#openPeer >= MAX_STREAMS) {
      this.#reset(frame.id, `at most ${MAX_STREAMS} streams may be open`);
      return;
    }
    this.#openPeer += 1;
    const stream = this.#add(frame.id);
    try {
      serve(stream);
    } catch (error) {
      log.error("A service threw: {service}", { service, error: String(error) });
      stream.reset("the service failed");
    }
  }

  /** Ignores a frame for a closed stream, sent before the agent knew. DATA for a stream that was never open is an error. */
  #onStrayFrame(frame: Frame): void {
    const wasOpen = frame.id <= (frame.id % 2 === 1 ? this.#lastOwnId : this.#lastPeerId);
    if (frame.type === "DATA" && !wasOpen) {
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
      onClose: () => {
        if (queued !== undefined) outbox.withdraw(queued);
        this.#streams.delete(id);
        if (id % 2 === 1) this.#openOwn -= 1;
        else this.#openPeer -= 1;
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

/** Reads a RESET's reason. Replaces control characters: the agent is not trusted, and the reason goes into error messages. */
function readReason(frame: Frame): string {
  return utf8.decode(frame.payload).replaceAll(/\p{Cc}/gu, "\ufffd");
}

function writeU32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
