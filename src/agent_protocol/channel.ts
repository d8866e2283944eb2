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

/** Options of {@link Channel.open}. */
export interface ChannelOptions {
  /** The services that the agent may open streams to, by name. */
  readonly services?: Readonly<Record<string, Service>>;
  /** Receives events that belong to no request, in order. Errors that it throws are logged. */
  readonly onEvent?: (event: ChannelEvent) => void;
  /** The agent's hello must arrive within this many milliseconds. @default {20000} */
  readonly helloDeadlineMs?: number;
  /** Milliseconds between two PINGs. @default {5000} */
  readonly heartbeatMs?: number;
  /** The agent is lost after this many milliseconds without a byte from it while a PING is unanswered. @default {60000} */
  readonly lostAfterMs?: number;
  /** Cancels the opening; has no effect on an open channel. */
  readonly signal?: AbortSignal;
  /** The highest event number that a previous attach received in full: events up to it are dropped. */
  readonly afterSeq?: number;
}

const log = logger("channel");

/**
 * The server's end of the channel to one agent (PROTOCOL.md).
 *
 * It reads the transport without pausing and does not wait for event handlers, so that no consumer stalls the others. A slow consumer of a stream
 * delays only that stream's sender, by its credit.
 */
export class Channel {
  /** Resolves when the channel has ended, for any reason; never rejects. */
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
  #agentHello: Readonly<Record<string, unknown>> | undefined;
  /** Set until the nonce has arrived. */
  #handshake: HandshakeScanner | undefined;
  #heartbeat: Heartbeat | undefined;
  #closed = false;

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
   * @param transport The container's stdout and stdin. The channel owns it from now on and closes it at its end.
   * @param options See {@link ChannelOptions}.
   * @returns The channel, ready for use.
   * @throws {OmcpError} `timeout`: no hello by the deadline; `cancelled`; `agent_incompatible`: the agent has another version;
   * `channel_failed`: the transport ended, or the agent violated the protocol.
   */
  static async open(transport: ByteStream, options: ChannelOptions = {}): Promise<Channel> {
    if (options.signal?.aborted) throw abortError(options.signal.reason, "Cannot attach to the agent");
    const channel = new Channel(transport, options);
    const deadlineMs = options.helloDeadlineMs ?? 20_000;
    using _deadline = new Deadline(deadlineMs, () => {
      const message = `The agent sent no hello within ${deadlineMs} ms`;
      channel.#finish(
        new OmcpError("timeout", message, { next: "Read the container's stderr." }),
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

  /** The agent's hello with its attestation. Only its versions have been checked. */
  get hello(): unknown {
    return this.#agentHello;
  }

  /** The highest number up to which all events are complete: `afterSeq` for the next attach. */
  get lastSeq(): number {
    return this.#received.acknowledged;
  }

  /**
   * Sends a request to the agent and waits for its reply.
   *
   * @param method The request's method (MESSAGES.md).
   * @param params Its parameters; must be serializable as JSON.
   * @param options See {@link RequestOptions}.
   * @returns The reply's result, unchecked.
   * @throws {ReplyError} The agent replied with an error.
   * @throws {OmcpError} `timeout`, `cancelled` or `channel_failed`, whose `state` says whether the request can have run;
   * `invalid_argument`.
   */
  request(method: string, params: unknown, options: RequestOptions): Promise<unknown> {
    return this.#requests.request(method, params, options);
  }

  /**
   * Opens a stream to a service of the agent. If the agent refuses it, the stream fails with a `StreamResetError`.
   *
   * @param service The service's name.
   * @param signal Checked once, before opening; it does not end an open stream.
   * @returns The stream.
   * @throws {OmcpError} `cancelled`; `capacity`: too many streams are open; `channel_failed`.
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
   * Ends the channel and closes the transport. Streams fail, requests reject. Idempotent.
   *
   * @param reason For messages.
   */
  close(reason = "it was closed"): void {
    this.#finish(
      new OmcpError("channel_failed", `The channel to the container has ended: ${reason}`),
      reason,
    );
  }

  #attach(): void {
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    this.#handshake = new HandshakeScanner(nonce);
    this.#outbox.control(concatBytes([MAGIC, nonce]));
    void this.#read();
  }

  async #read(): Promise<void> {
    try {
      while (!this.#closed) {
        const { value, done } = await this.#reader.read();
        if (done) return this.#fail("The container's output ended");
        this.#onChunk(value);
      }
    } catch (error) {
      const what = error instanceof ProtocolError
        ? "The agent violated the protocol"
        : "Cannot read from the container";
      this.#fail(what, error);
    }
  }

  #onChunk(chunk: Uint8Array): void {
    this.#heartbeat?.onActivity();
    let rest: Uint8Array | undefined = chunk;
    if (this.#handshake !== undefined) {
      rest = this.#handshake.push(chunk);
      if (rest === undefined) return;
      this.#handshake = undefined;
    }
    this.#decoder.push(rest, (frame) => {
      if (!this.#closed) this.#onFrame(frame);
    });
  }

  #onFrame(frame: Frame): void {
    if (this.#agentHello === undefined || frame.type === "HELLO") this.#onHello(frame);
    else if (frame.type === "EVENT") this.#onEvent(frame);
    else if (frame.type === "PING") {
      this.#outbox.control(encodeFrame({ type: "PONG", payload: frame.payload }));
    } else if (frame.type === "PONG") this.#heartbeat?.onPong(frame.payload);
    else this.#mux.onFrame(frame);
  }

  #onHello(frame: Frame): void {
    if (frame.type !== "HELLO" || this.#agentHello !== undefined) {
      throw new ProtocolError(
        "bad_message",
        `Cannot read frame: the first frame, and only it, must be HELLO; received ${frame.type}`,
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
    this.#agentHello = hello;
    this.#heartbeat = this.#startHeartbeat();
    this.#hello.resolve(this.#agentHello);
  }

  #startHeartbeat(): Heartbeat {
    return new Heartbeat({
      intervalMs: this.#options.heartbeatMs ?? 5000,
      lostAfterMs: this.#options.lostAfterMs ?? SILENCE_MS,
      ping: (payload) => this.#outbox.control(encodeFrame({ type: "PING", payload })),
      onLost: (silentMs) => this.#fail(`The agent did not respond for ${silentMs} ms`),
    });
  }

  #onEvent(frame: Frame): void {
    this.#received.begin(frame.seq);
    const body = this.#assembler.push(frame);
    if (body === undefined) return;
    const event = readEvent(body);
    const isNew = this.#received.complete(frame.seq);
    this.#acks.onMessage(body.length);
    if (!isNew) return;
    if (frame.id !== 0) {
      this.#requests.onEvent(frame.id, event);
      return;
    }
    if (event.type === "reply") {
      throw new ProtocolError("bad_message", "Cannot read reply: id 0 is not a request");
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
    if (this.#closed) return;
    this.#closed = true;
    this.#heartbeat?.stop();
    this.#acks.stop();
    this.#hello.reject(error);
    this.#requests.fail(error);
    this.#mux.fail(error);
    this.#outbox.fail(error);
    // Not awaited: a hanging transport must not delay the caller.
    this.#reader.cancel(reason).catch(() => {});
    this.#writer.abort(error).catch(() => {});
    this.#ended.resolve({ reason });
  }
}
