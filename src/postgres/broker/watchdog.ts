import { addAbortListener } from "node:events";
import type { ClientWriter } from "./client_writer.ts";
import type { PipelineState } from "./pipeline_state.ts";
import type { BrokerLimits } from "./limits.ts";
import { ConnectionEnd } from "./connection_end.ts";

/** What a {@link Watchdog} watches. */
export interface WatchdogOptions {
  readonly limits: BrokerLimits;
  readonly state: PipelineState;
  readonly client: ClientWriter;
  /** Asks the server to cancel the running statement. */
  readonly cancel: () => Promise<unknown>;
  readonly signal: AbortSignal;
}

/** Milliseconds that the server may exceed its own time limit, and again after a cancel. */
const GRACE_MS = 2_000;
const TICK_MS = 1_000;

/** Ends a connection that runs, waits or is silent for longer than its limits. */
export class Watchdog implements Disposable {
  /** Resolves when the connection has to end. */
  readonly expired: Promise<ConnectionEnd>;
  readonly #options: WatchdogOptions;
  readonly #end: (end: ConnectionEnd) => void;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #listener: Disposable;
  #cancelled = false;

  /** @param options The connection, and its limits. */
  constructor(options: WatchdogOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<ConnectionEnd>();
    this.expired = promise;
    this.#end = resolve;
    this.#listener = addAbortListener(
      options.signal,
      () => resolve(new ConnectionEnd("57P01", "the connection is closed by the server")),
    );
    const { stallMs, idleMs, idleInTransactionMs } = options.limits;
    this.#timer = setInterval(() => this.#look(), Math.min(TICK_MS, stallMs, idleMs, idleInTransactionMs));
  }

  /** Stops watching. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#listener[Symbol.dispose]();
  }

  #look(): void {
    const { limits, state, client, cancel } = this.#options;
    if (client.stalledMs > limits.stallMs) {
      return this.#end(new ConnectionEnd("57014", `the result was not read for ${limits.stallMs} ms`));
    }
    const since = state.sinceMs;
    if (state.busy) {
      const over = since - limits.statementMs;
      if (over > 2 * GRACE_MS) {
        return this.#end(
          new ConnectionEnd("57014", `the statement ran for more than ${limits.statementMs} ms`),
        );
      }
      // While the client leaves rows unread, the server cannot end what it was asked to cancel.
      if (state.cancelledMs > GRACE_MS && client.stalledMs === 0) {
        return this.#end(
          new ConnectionEnd(
            "57014",
            "the statement was cancelled and did not end: the connection is closed",
          ),
        );
      }
      if (over > GRACE_MS && !this.#cancelled) cancel();
      this.#cancelled = over > GRACE_MS;
      return;
    }
    if (state.status === "I" && since > limits.idleMs) {
      return this.#end(
        new ConnectionEnd("57P05", `the connection was idle for more than ${limits.idleMs} ms`),
      );
    }
    if (state.status !== "I" && since > limits.idleInTransactionMs) {
      this.#end(
        new ConnectionEnd("25P03", `the transaction was idle for more than ${limits.idleInTransactionMs} ms`),
      );
    }
  }
}
