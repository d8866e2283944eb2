/** Runs one task at a time, taking turns among owners: an owner with a hundred waiting tasks delays another by one. */
export class FairQueue {
  /** The waiting owners, the next first. */
  readonly #waiting = new Map<string, (() => void)[]>();
  /** The owner whose task runs; undefined if no task runs. */
  #running: string | undefined;

  /** Whether another owner waits for the end of the task that runs. */
  get contended(): boolean {
    for (const owner of this.#waiting.keys()) if (owner !== this.#running) return true;
    return false;
  }

  /**
   * Runs a task when its owner's turn comes.
   *
   * @param owner The task's owner; an owner's tasks run in order.
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

  /** Puts the owner whose turn it was behind all others, and forgets it if it has no waiting task. */
  #toTheEnd(owner: string): void {
    const own = this.#waiting.get(owner);
    this.#waiting.delete(owner);
    if (own !== undefined && own.length > 0) this.#waiting.set(owner, own);
  }
}
