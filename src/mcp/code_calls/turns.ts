import { setTimeout as delay } from "node:timers/promises";
import { abortable } from "../../lib/async/abortable.ts";
import { DeadlineSignal } from "../../lib/async/deadline.ts";
import { Semaphore } from "../../lib/async/semaphore.ts";
import type { CodeCallLimits } from "./limits.ts";

/** Lets the calls of one sandbox begin in order: a bounded number at once, and not faster than a bounded rate. */
export class Turns {
  readonly #limits: CodeCallLimits;
  readonly #permits: Semaphore;
  /** When the next call may begin, by `performance.now()`. */
  #next = 0;

  /** @param limits `running`, `streams`, `intervalMs` and `turnMs` are used. */
  constructor(limits: CodeCallLimits) {
    this.#limits = limits;
    this.#permits = new Semaphore(limits.running, limits.streams);
  }

  /**
   * Waits for a turn.
   *
   * @param signal Ends the wait.
   * @returns The turn; disposal ends it.
   * @throws {OmcpError} `timeout`, or the signal's reason.
   */
  async begin(signal: AbortSignal): Promise<Disposable> {
    using deadline = new DeadlineSignal(this.#limits.turnMs, signal);
    const permit = await this.#permits.acquire(deadline.signal);
    try {
      const now = performance.now();
      const start = Math.max(now, this.#next);
      this.#next = start + this.#limits.intervalMs;
      if (start > now) await abortable(delay(start - now), deadline.signal);
      return permit;
    } catch (error) {
      permit[Symbol.dispose]();
      throw error;
    }
  }
}
