import { addAbortListener } from "node:events";
import { OmcpError } from "../../errors.ts";

/** Limits how many callers do something at once; the others wait in a bounded first-in-first-out queue. */
export class Semaphore {
  readonly #maxWaiting: number;
  readonly #waiting: (() => void)[] = [];
  readonly #permits: number;
  #held = 0;

  /**
   * @param permits How many may be held at once.
   * @param maxWaiting How many may wait.
   */
  constructor(permits: number, maxWaiting: number) {
    this.#permits = permits;
    this.#maxWaiting = maxWaiting;
  }

  /** True while any permit is held. */
  get busy(): boolean {
    return this.#held > 0;
  }

  /**
   * Waits for a permit.
   *
   * @param signal Ends the wait.
   * @returns The permit; disposal releases it. Idempotent.
   * @throws {OmcpError} `capacity` when the queue is full; the signal's reason when it is aborted.
   */
  async acquire(signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.#held < this.#permits) this.#held += 1;
    else await this.#wait(signal);
    let released = false;
    return {
      [Symbol.dispose]: () => {
        if (released) return;
        released = true;
        // The permit passes directly to the next caller in the queue, so that no other can overtake it.
        const next = this.#waiting.shift();
        if (next === undefined) this.#held -= 1;
        else next();
      },
    };
  }

  async #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= this.#maxWaiting) {
      throw new OmcpError("capacity", `Too many calls are waiting: the maximum is ${this.#maxWaiting}`, {
        state: "Nothing was run.",
        next: "Wait for one of the running calls to end, then try again.",
      });
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    using _listener = addAbortListener(signal, () => {
      const index = this.#waiting.indexOf(resolve);
      // A caller that already has its permit keeps it, and releases it.
      if (index < 0) return;
      // Here, not when the caller resumes: a permit released in between would be lost.
      this.#waiting.splice(index, 1);
      reject(signal.reason);
    });
    await promise;
  }
}
