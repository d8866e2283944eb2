import { addAbortListener } from "node:events";
import { abortError } from "../lib/async/abort_error.ts";
import { Deadline } from "../lib/async/deadline.ts";
import { type ErrorCode, OmcpError } from "../errors.ts";
import { logger } from "../observability/log.ts";
import { encodeMessage } from "./frame.ts";
import { MAX_REQUEST } from "./message_assembler.ts";
import { type ChannelEvent, readReply } from "./message.ts";
import type { Outbox, QueuedFrame } from "./outbox.ts";

/** The longest deadline, in milliseconds: setTimeout() accepts no longer delay. */
const MAX_DEADLINE_MS = 2 ** 31 - 1;
/** The most characters of an agent's error message; the rest is cut off. */
const MAX_MESSAGE_CHARACTERS = 4096;

const log = logger("channel");
const encoder = new TextEncoder();

/** The agent replied to a request with an error. */
export class ReplyError extends Error {
  /** The class's name. */
  override readonly name = "ReplyError";
  /** The agent's own code, not one of this program's. */
  readonly code: string;

  /**
   * Converts an error reply.
   *
   * @param code The agent's code, such as `busy`.
   * @param message The agent's message.
   */
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Deadline, cancellation and events of a request. */
export interface RequestOptions {
  /** The reply must arrive within this many milliseconds. */
  readonly deadlineMs: number;
  /** Aborting it stops the waiting; the agent continues with a request that was sent. */
  readonly signal?: AbortSignal;
  /** Receives this request's events in order, without the reply. An error that it throws rejects the request. */
  readonly onEvent?: (event: ChannelEvent) => void;
}

interface Waiting {
  readonly onEvent: ((event: ChannelEvent) => void) | undefined;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  first: QueuedFrame | undefined;
}

/** The requests that are waiting for their replies. */
export class Requests {
  readonly #outbox: Outbox;
  readonly #waiting = new Map<number, Waiting>();
  /** Starts at random, so that a late reply to a previous attach's request does not match a request of this one. */
  #lastId = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  #failure: OmcpError | undefined;

  /** @param outbox Sends the requests. */
  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /**
   * Sends a request and waits for its reply.
   *
   * @param method The request's method (MESSAGES.md).
   * @param params Its parameters; must be serializable as JSON.
   * @param options See {@link RequestOptions}.
   * @returns The reply's result, unchecked.
   * @throws {ReplyError} The agent replied with an error.
   * @throws {OmcpError} `timeout`, `cancelled` or `channel_failed`, whose `state` says whether the request can have run;
   * `invalid_argument`.
   */
  async request(method: string, params: unknown, options: RequestOptions): Promise<unknown> {
    const { deadlineMs, signal } = options;
    if (!(deadlineMs > 0 && deadlineMs <= MAX_DEADLINE_MS)) {
      throw new OmcpError(
        "invalid_argument",
        `A deadline must be above 0 and at most ${MAX_DEADLINE_MS} ms; received ${deadlineMs}`,
      );
    }
    const body = encoder.encode(JSON.stringify({ method, params: params ?? {} }));
    if (body.length > MAX_REQUEST) {
      throw new OmcpError(
        "invalid_argument",
        `A request may have at most ${MAX_REQUEST} bytes: ${method} has ${body.length}`,
      );
    }
    if (signal?.aborted) {
      throw ended({ ...aborted(signal, method), sent: false });
    }
    if (this.#failure !== undefined) {
      throw ended({
        code: "channel_failed",
        message: this.#failure.message,
        sent: false,
        cause: this.#failure,
      });
    }
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const id = this.#nextId();
    const waiting: Waiting = { onEvent: options.onEvent, resolve, reject, first: undefined };
    this.#waiting.set(id, waiting);
    using _deadline = new Deadline(deadlineMs, () => {
      this.#abandon(waiting, {
        code: "timeout",
        message: `Request ${method} timed out after ${deadlineMs} ms`,
      });
    });
    using _listener = signal &&
      addAbortListener(signal, () => this.#abandon(waiting, aborted(signal, method)));
    try {
      void this.#send(id, waiting, body);
      return await promise;
    } finally {
      this.#waiting.delete(id);
    }
  }

  /**
   * Handles an event of a request. Drops it if the request is not waiting: then the event is late or a duplicate.
   *
   * @param id The request's id.
   * @param event The event.
   * @throws {ProtocolError} `bad_message`: an invalid reply.
   */
  onEvent(id: number, event: ChannelEvent): void {
    const reply = event.type === "reply" ? readReply(event) : undefined;
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    if (reply === undefined) {
      try {
        waiting.onEvent?.(event);
      } catch (error) {
        log.error("A handler of events threw: {type}", { type: event.type, error: String(error) });
        this.#waiting.delete(id);
        waiting.reject(error);
      }
      return;
    }
    this.#waiting.delete(id);
    if ("error" in reply) {
      waiting.reject(new ReplyError(reply.error.code, reply.error.message.slice(0, MAX_MESSAGE_CHARACTERS)));
    } else {
      waiting.resolve(reply.result);
    }
  }

  /**
   * Rejects all waiting requests. Call it before {@link Outbox.fail}, which drops the unsent frames.
   *
   * @param error Why the channel ended.
   */
  fail(error: OmcpError): void {
    this.#failure ??= error;
    for (const waiting of this.#waiting.values()) {
      waiting.reject(
        ended({
          code: "channel_failed",
          message: error.message,
          sent: !this.#takeBack(waiting),
          cause: error,
        }),
      );
    }
    this.#waiting.clear();
  }

  #nextId(): number {
    do this.#lastId = this.#lastId >= 0xffffffff ? 1 : this.#lastId + 1; while (
      this.#waiting.has(this.#lastId)
    );
    return this.#lastId;
  }

  /** Sends one part at a time, so that other frames can go between the parts of a large request. */
  async #send(id: number, waiting: Waiting, payload: Uint8Array): Promise<void> {
    try {
      for (const frame of encodeMessage({ type: "REQUEST", id, payload })) {
        const queued = this.#outbox.send(frame);
        waiting.first ??= queued;
        await queued.sent;
      }
    } catch {
      // The channel has ended; fail() rejects the request with the reason.
    }
  }

  #abandon(waiting: Waiting, why: Pick<Ending, "code" | "message" | "cause">): void {
    waiting.reject(ended({ ...why, sent: !this.#takeBack(waiting) }));
  }

  /** Withdraws a request if the transport has no part of it yet. */
  #takeBack(waiting: Waiting): boolean {
    return waiting.first !== undefined && this.#outbox.withdraw(waiting.first);
  }
}

interface Ending {
  readonly code: ErrorCode;
  readonly message: string;
  /** Whether the agent may have read it. */
  readonly sent: boolean;
  readonly cause?: unknown;
}

function aborted(signal: AbortSignal, method: string): Pick<Ending, "code" | "message" | "cause"> {
  return abortError(signal.reason, `Request ${method} was cancelled`);
}

function ended(ending: Ending): OmcpError {
  return new OmcpError(ending.code, ending.message, {
    state: ending.sent
      ? "It is unknown whether the request ran."
      : "The request was not sent: it did not run.",
    details: { sent: ending.sent },
    cause: ending.cause,
  });
}
