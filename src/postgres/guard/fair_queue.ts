/** Lets one task run at a time and goes round the owners: whoever has a hundred waiting delays another by one. */
export class FairQueue {
  /** Those who wait, the one whose turn is next first. */
  readonly #waiting = new Map<string, (() => void)[]>();
  /** Whose task runs; undefined where none does. */
  #running: string | undefined;

  /**
   * Runs a task when its owner's turn comes.
   *
   * @param owner Whose task it is; an owner's tasks run in the order they came.
   * @param task What to do.
   * @returns What the task gives.
   */
  async run<T>(owner: string, task: () => Promise<T>): Promise<T> {
    await this.#turn(owner);
    try {
      return await task();
    } finally {
      this.#next();
    }
  }

  #turn(owner: string): Promise<void> {
    if (this.#running === undefined) {
      this.#running = owner;
      return Promise.resolve();
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const own = this.#waiting.get(owner);
    if (own === undefined) this.#waiting.set(owner, [resolve]);
    else own.push(resolve);
    return promise;
  }

  #next(): void {
    const last = this.#running;
    if (last !== undefined) this.#toTheEnd(last);
    const [owner] = this.#waiting.keys();
    this.#running = owner;
    if (owner !== undefined) this.#waiting.get(owner)?.shift()?.();
  }

  /** Whose turn it was has to wait for all others; forgotten where nothing of it waits. */
  #toTheEnd(owner: string): void {
    const own = this.#waiting.get(owner);
    this.#waiting.delete(owner);
    if (own !== undefined && own.length > 0) this.#waiting.set(owner, own);
  }
}
