import { addAbortListener } from "node:events";
import { concatBytes } from "../lib/bytes.ts";
import { abortError } from "../lib/async/abort_error.ts";
import { Deadline } from "../lib/async/deadline.ts";
import { OmcpError } from "../errors.ts";
import { logger } from "../observability/log.ts";
import { DelayedAck } from "./delayed_ack.ts";
import type { ByteStream } from "../lib/byte_stream.ts";
import { HandshakeScanner } from "./handshake_scanner.ts";
import { ReceiveWindow } from "./receive_window.ts";
import { encodeFrame, type Frame, MAGIC, NONCE_BYTES } from "./frame.ts";
import { FrameDecoder } from "./frame_decoder.ts";
import { Heartbeat } from "./heartbeat.ts";
import { type ChannelEvent, readEvent, readHello } from "./message.ts";
import { SILENCE_MS } from "./messages/deadlines.ts";
import { incompatibility } from "./messages/hello.ts";
import { MessageAssembler } from "./message_assembler.ts";
import { Outbox } from "./outbox.ts";
import { type RequestOptions, Requests } from "./requests.ts";
import { type Service, StreamMux } from "./stream_mux.ts";
import { ProtocolError } from "./protocol_error.ts";

/** What {@link Channel.open} takes besides the transport. */
export interface ChannelOptions {
  /** What the agent may open streams to, by name. */
  readonly services?: Readonly<Record<string, Service>>;
  /** Takes events that belong to no request, in order. What it throws is logged. */
  readonly onEvent?: (event: ChannelEvent) => void;
  /** Milliseconds until the agent's hello must have come. @default {20000} */
  readonly helloDeadlineMs?: number;
  /** Milliseconds between two PINGs. @default {5000} */
  readonly heartbeatMs?: number;
  /** The agent is lost after so many milliseconds of silence while a PING is unanswered. @default {60000} */
  readonly lostAfterMs?: number;
  /** Gives up opening; afterwards it has no effect. */
  readonly signal?: AbortSignal;
  /** The highest event number that a former attach received in full: events up to it are dropped. */
  readonly afterSeq?: number;
}

const log = logger("channel");

/**
 * The server's end of the channel to one agent (PROTOCOL.md).
 *
 * Whatever arrives is read at once: slow consumers of streams hold back the stream's own sender by its credit,
 * and handlers of events are called without being waited for. So nobody stalls the transport for the others.
 */
export class Channel {
  /** Resolves when the channel is over, for whatever reason; never rejects. */
  readonly closed: Promise<{ readonly reason: string }>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #outbox: Outbox;
  readonly #requests: Requests;
  readonly #mux: StreamMux;
  readonly #received: ReceiveWindow;
  readonly #acks: DelayedAck;
  readonly #options: ChannelOptions;
  readonly #assembler = new MessageAssembler();
  readonly #decoder = new FrameDecoder("agent");
  readonly #hello = Promise.withResolvers<Readonly<Record<string, unknown>>>();
  readonly #ended = Promise.withResolvers<{ readonly reason: string }>();
  #greeting: Readonly<Record<string, unknown>> | undefined;
  #gate: HandshakeScanner | undefined;
  #heartbeat: Heartbeat | undefined;
  #over = false;

  private constructor(transport: ByteStream, options: ChannelOptions) {
    this.closed = this.#ended.promise;
    this.#hello.promise.catch(() => {});
    this.#reader = transport.readable.getReader();
    this.#writer = transport.writable.getWriter();
    this.#writer.closed.catch(() => {});
    this.#outbox = new Outbox(this.#writer, (error) => this.#fail("Cannot write to the container", error));
    this.#requests = new Requests(this.#outbox);
    this.#mux = new StreamMux({
      outbox: this.#outbox,
      services: new Map(Object.entries(options.services ?? {})),
    });
    this.#received = new ReceiveWindow(options.afterSeq);
    this.#acks = new DelayedAck(() => {
      this.#outbox.control(encodeFrame({ type: "ACK", seq: this.#received.acknowledged }));
    });
    this.#options = options;
  }

  /**
   * Attaches to an agent: sends a fresh secret nonce and waits for the hello that follows it.
   *
   * @param transport The container's stdout and stdin; the channel owns it from now on, and drops it at its end.
   * @param options See {@link ChannelOptions}.
   * @returns The channel, ready for use.
   * @throws {OmcpError} `timeout`: no hello by the deadline; `cancelled`; `agent_incompatible`: it is of another version; `channel_failed`: the
   * transport ended, or the agent broke the protocol.
   */
  static async open(transport: ByteStream, options: ChannelOptions = {}): Promise<Channel> {
    if (options.signal?.aborted) throw abortError(options.signal.reason, "Cannot attach to the agent");
    const channel = new Channel(transport, options);
    const deadlineMs = options.helloDeadlineMs ?? 20_000;
    using _deadline = new Deadline(deadlineMs, () => {
      const message = `No hello of the agent came within ${deadlineMs} ms`;
      channel.#finish(
        new OmcpError("timeout", message, { next: "See what the container printed on its stderr." }),
      );
    });
    const { signal } = options;
    using _listener = signal && addAbortListener(signal, () => {
      channel.#finish(abortError(signal.reason, "Cannot attach to the agent"));
    });
    channel.#attach();
    await channel.#hello.promise;
    return channel;
  }

  /** What the agent said of itself and of what is in force; to be checked by who needs it. */
  get hello(): unknown {
    return this.#greeting;
  }

  /** The highest event number up to which all have come in full: `afterSeq` for the next attach. */
  get lastSeq(): number {
    return this.#received.acknowledged;
  }

  /**
   * Makes a request of the agent.
   *
   * @param method What to do.
   * @param params With what; must be JSON.
   * @param options Deadline, signal and the handler of its events.
   * @returns The reply's result, unchecked.
   * @throws {ReplyError} The agent's own error.
   * @throws {OmcpError} `timeout`, `cancelled` or `channel_failed`, whose `state` says whether it can have run; `invalid_argument`.
   */
  request(method: string, params: unknown, options: RequestOptions): Promise<unknown> {
    return this.#requests.request(method, params, options);
  }

  /**
   * Opens a stream to a service of the agent. A refusal comes as a `StreamResetError` on the stream.
   *
   * @param service The service's name.
   * @param signal Looked at once: a stream that is open is ended by its own halves.
   * @returns The stream.
   * @throws {OmcpError} `cancelled`; `capacity`: too many are open; `channel_failed`.
   */
  openStream(service: string, signal?: AbortSignal): Promise<ByteStream> {
    return Promise.try(() => {
      if (signal?.aborted) {
        throw abortError(signal.reason, "Cannot open a stream to the container");
      }
      return this.#mux.open(service);
    });
  }

  /**
   * Ends the channel and drops the transport. Streams fail, requests are rejected. Idempotent.
   *
   * @param reason For messages.
   */
  close(reason = "it was closed"): void {
    this.#finish(new OmcpError("channel_failed", `The channel to the container is over: ${reason}`), reason);
  }

  #attach(): void {
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    this.#gate = new HandshakeScanner(nonce);
    this.#outbox.control(concatBytes([MAGIC, nonce]));
    void this.#read();
  }

  async #read(): Promise<void> {
    try {
      while (!this.#over) {
        const { value, done } = await this.#reader.read();
        if (done) return this.#fail("The container's output ended");
        this.#onChunk(value);
      }
    } catch (error) {
      const what = error instanceof ProtocolError
        ? "The agent broke the protocol"
        : "Cannot read from the container";
      this.#fail(what, error);
    }
  }

  #onChunk(chunk: Uint8Array): void {
    this.#heartbeat?.heard();
    let rest: Uint8Array | undefined = chunk;
    if (this.#gate !== undefined) {
      rest = this.#gate.push(chunk);
      if (rest === undefined) return;
      this.#gate = undefined;
    }
    this.#decoder.push(rest, (frame) => {
      if (!this.#over) this.#onFrame(frame);
    });
  }

  #onFrame(frame: Frame): void {
    if (this.#greeting === undefined || frame.type === "HELLO") this.#onHello(frame);
    else if (frame.type === "EVENT") this.#onEvent(frame);
    else if (frame.type === "PING") {
      this.#outbox.control(encodeFrame({ type: "PONG", payload: frame.payload }));
    } else if (frame.type === "PONG") this.#heartbeat?.answered(frame.payload);
    else this.#mux.onFrame(frame);
  }

  #onHello(frame: Frame): void {
    if (frame.type !== "HELLO" || this.#greeting !== undefined) {
      throw new ProtocolError(
        "bad_message",
        `Cannot read frame: HELLO comes first, and once: received ${frame.type}`,
      );
    }
    const body = this.#assembler.push(frame);
    if (body === undefined) return;
    const hello = readHello(body);
    const refusal = incompatibility(hello);
    if (refusal !== undefined) {
      this.#finish(refusal);
      return;
    }
    this.#greeting = hello;
    this.#heartbeat = this.#startHeartbeat();
    this.#hello.resolve(this.#greeting);
  }

  #startHeartbeat(): Heartbeat {
    return new Heartbeat({
      intervalMs: this.#options.heartbeatMs ?? 5000,
      lostAfterMs: this.#options.lostAfterMs ?? SILENCE_MS,
      ping: (payload) => this.#outbox.control(encodeFrame({ type: "PING", payload })),
      onLost: (silentMs) => this.#fail(`The agent has said nothing for ${silentMs} ms`),
    });
  }

  #onEvent(frame: Frame): void {
    this.#received.begin(frame.seq);
    const body = this.#assembler.push(frame);
    if (body === undefined) return;
    const event = readEvent(body);
    const isNew = this.#received.complete(frame.seq);
    this.#acks.note(body.length);
    if (!isNew) return;
    if (frame.id !== 0) {
      this.#requests.onEvent(frame.id, event);
      return;
    }
    if (event.type === "reply") {
      throw new ProtocolError("bad_message", "Cannot read reply: it belongs to no request");
    }
    try {
      this.#options.onEvent?.(event);
    } catch (error) {
      log.error("A handler of events threw: {type}", { type: event.type, error: String(error) });
    }
  }

  #fail(what: string, cause?: unknown): void {
    const reason = cause instanceof Error ? `${what}: ${cause.message}` : what;
    this.#finish(new OmcpError("channel_failed", reason, { cause }), reason);
  }

  #finish(error: OmcpError, reason = error.message): void {
    if (this.#over) return;
    this.#over = true;
    this.#heartbeat?.stop();
    this.#acks.stop();
    this.#hello.reject(error);
    this.#requests.fail(error);
    this.#mux.fail(error);
    this.#outbox.fail(error);
    // Neither is waited for: a transport that hangs must hold up nobody.
    this.#reader.cancel(reason).catch(() => {});
    this.#writer.abort(error).catch(() => {});
    this.#ended.resolve({ reason });
  }
}
