import { addAbortListener } from "node:events";
import { abortError } from "../lib/async/abort_error.ts";
import { Deadline } from "../lib/async/deadline.ts";
import { type ErrorCode, OmcpError } from "../errors.ts";
import { logger } from "../observability/log.ts";
import { encodeMessage } from "./frame.ts";
import { MAX_REQUEST } from "./message_assembler.ts";
import { type ChannelEvent, readReply } from "./message.ts";
import type { Outbox, QueuedFrame } from "./outbox.ts";

/** The longest deadline, in milliseconds: timers know no longer one. */
const MAX_DEADLINE_MS = 2 ** 31 - 1;
/** An error's text from the agent is cut to so many characters. */
const MAX_MESSAGE_CHARACTERS = 4096;

const log = logger("channel");
const encoder = new TextEncoder();

/** The agent answered a request with an error of its own: it did not do what was asked, or says why it could not. */
export class ReplyError extends Error {
  /** The class's name. */
  override readonly name = "ReplyError";
  /** The agent's own code, not one of this program's. */
  readonly code: string;

  /**
   * Makes an error of a reply.
   *
   * @param code The agent's code, such as `busy`.
   * @param message The agent's message.
   */
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** How a request is made. */
export interface RequestOptions {
  /** Milliseconds until the reply must be there. */
  readonly deadlineMs: number;
  /** Aborting it stops waiting; a request that was sent goes on in the agent. */
  readonly signal?: AbortSignal;
  /** Takes the events of this request, in order, the reply excepted. What it throws rejects the request. */
  readonly onEvent?: (event: ChannelEvent) => void;
}

interface Waiting {
  readonly onEvent: ((event: ChannelEvent) => void) | undefined;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  first: QueuedFrame | undefined;
}

/** The requests that wait for their reply. */
export class Requests {
  readonly #outbox: Outbox;
  readonly #waiting = new Map<number, Waiting>();
  /** Begins anywhere, so that a late reply to a former attach's request meets none of ours. */
  #lastId = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  #failure: OmcpError | undefined;

  /** @param outbox Where requests go. */
  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /**
   * Makes a request and waits for its reply.
   *
   * @param method What to do.
   * @param params With what; must be JSON.
   * @param options See {@link RequestOptions}.
   * @returns The reply's result, unchecked.
   * @throws {ReplyError} The agent's own error.
   * @throws {OmcpError} `timeout`, `cancelled` or `channel_failed`, whose `state` says whether it can have run; `invalid_argument`.
   */
  async request(method: string, params: unknown, options: RequestOptions): Promise<unknown> {
    const { deadlineMs, signal } = options;
    if (!(deadlineMs > 0 && deadlineMs <= MAX_DEADLINE_MS)) {
      throw new OmcpError(
        "invalid_argument",
        `A deadline must be above 0 and at most ${MAX_DEADLINE_MS} ms: received ${deadlineMs}`,
      );
    }
    const body = encoder.encode(JSON.stringify({ method, params: params ?? {} }));
    if (body.length > MAX_REQUEST) {
      throw new OmcpError(
        "invalid_argument",
        `A request must have at most ${MAX_REQUEST} bytes: ${method} has ${body.length}`,
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
      this.#giveUp(waiting, {
        code: "timeout",
        message: `Request ${method} was not answered within ${deadlineMs} ms`,
      });
    });
    using _listener = signal &&
      addAbortListener(signal, () => this.#giveUp(waiting, aborted(signal, method)));
    try {
      void this.#send(id, waiting, body);
      return await promise;
    } finally {
      this.#waiting.delete(id);
    }
  }

  /**
   * Takes an event that names a request. One that nobody waits for is dropped: it is late, or sent again.
   *
   * @param id The request.
   * @param event The event.
   * @throws {ProtocolError} A reply of the wrong shape.
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
   * Rejects all that wait. To be called before the outbox forgets what was not sent.
   *
   * @param error The channel's end.
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

  /** One part at a time, so that a large request leaves room for others. */
  async #send(id: number, waiting: Waiting, payload: Uint8Array): Promise<void> {
    try {
      for (const frame of encodeMessage({ type: "REQUEST", id, payload })) {
        const queued = this.#outbox.send(frame);
        waiting.first ??= queued;
        await queued.sent;
      }
    } catch {
      // The channel is over: that rejects the request with its reason.
    }
  }

  #giveUp(waiting: Waiting, why: Pick<Ending, "code" | "message" | "cause">): void {
    waiting.reject(ended({ ...why, sent: !this.#takeBack(waiting) }));
  }

  /** Whether a request can be kept from the agent; one that the transport has, or has a part of, cannot. */
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
  return abortError(signal.reason, `Request ${method} was given up`);
}

function ended(ending: Ending): OmcpError {
  return new OmcpError(ending.code, ending.message, {
    state: ending.sent
      ? "It is not known whether the request ran."
      : "The request was not sent: it did not run.",
    details: { sent: ending.sent },
    cause: ending.cause,
  });
}
