/** Lets a few through at once, the rest in the order they came, and only so many wait. */
import { OmcpError } from "../../errors.ts";

interface Waiting {
  readonly enter: () => void;
  readonly giveUp: (reason: unknown) => void;
}

/** A queue in front of something that only a few may do at once. */
export class Semaphore {
  readonly #places: number;
  readonly #maxWaiting: number;
  readonly #waiting: Waiting[] = [];
  #inside = 0;

  /**
   * @param places How many may be inside at once.
   * @param maxWaiting How many may wait.
   */
  constructor(places: number, maxWaiting: number) {
    this.#places = places;
    this.#maxWaiting = maxWaiting;
  }

  /** True while anyone is inside. */
  get busy(): boolean {
    return this.#inside > 0;
  }

  /**
   * Waits for a place.
   *
   * @param signal Gives the waiting up.
   * @returns A function that must be called once to leave.
   * @throws {OmcpError} `capacity` when too many wait already; the signal's reason when it is aborted.
   */
  async acquire(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#inside < this.#places) {
      this.#inside += 1;
    } else {
      await this.#wait(signal);
    }
    let left = false;
    return () => {
      if (left) return;
      left = true;
      // The place passes straight on to the next in line, so that nobody can slip in between.
      const next = this.#waiting.shift();
      if (next === undefined) this.#inside -= 1;
      else next.enter();
    };
  }

  async #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= this.#maxWaiting) {
      throw new OmcpError("capacity", `Too many calls wait already: at most ${this.#maxWaiting}`, {
        state: "Nothing was run.",
        next: "Wait for one of the running calls to end, then try again.",
      });
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { enter: resolve, giveUp: reject };
    function abort(): void {
      waiting.giveUp(signal.reason);
    }
    this.#waiting.push(waiting);
    signal.addEventListener("abort", abort, { once: true });
    try {
      await promise;
    } catch (error) {
      const index = this.#waiting.indexOf(waiting);
      if (index >= 0) this.#waiting.splice(index, 1);
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }
}
