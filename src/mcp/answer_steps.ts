import { setTimeout as delay } from "node:timers/promises";

/** Answers and errors come at multiples of this, in ms, so that their time reveals little about the data. */
const STEP_MS = 250;

/** The steps of one call at which it may answer. */
export class AnswerSteps {
  readonly #start = performance.now();
  #isDelayed = false;

  /**
   * Does the work, and returns or throws at the next step since the call began. If such work contains other such work, only the inner one is delayed:
   * a caller can ask for an execution's own duration.
   *
   * @param signal Ends the delay.
   * @param work The work.
   */
  async within<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      if (!this.#isDelayed) {
        this.#isDelayed = true;
        const over = (performance.now() - this.#start) % STEP_MS;
        await delay(STEP_MS - over, undefined, { signal }).catch(function cancelled() {});
      }
    }
  }
}
