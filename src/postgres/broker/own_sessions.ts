import { Semaphore } from "../../lib/async/semaphore.ts";
import type { UpstreamSession } from "../upstream/mod.ts";

/** What {@link OwnSessions} work with. */
export interface OwnSessionsOptions {
  /** Opens a session. */
  readonly connect: (signal: AbortSignal) => Promise<UpstreamSession>;
  /** Sessions at a time, beside the clients'. */
  readonly most: number;
  /** Milliseconds after which one that is not used is closed. */
  readonly idleMs: number;
}

interface IdleSession {
  readonly session: UpstreamSession;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** A few sessions for the broker's own questions. An owner has one at a time, so that no sandbox takes all of them. */
export class OwnSessions {
  readonly #options: OwnSessionsOptions;
  readonly #idle: IdleSession[] = [];
  /** The last task of each owner; the next one waits for it. */
  readonly #last = new Map<string, Promise<void>>();
  readonly #permits: Semaphore;
  #closed = false;

  /** @param options How a session is opened, and how many there may be. */
  constructor(options: OwnSessionsOptions) {
    this.#options = options;
    // Each owner has one task at a time, so at most one task of each sandbox waits.
    this.#permits = new Semaphore(options.most, Infinity);
  }

  /**
   * Runs a task on a session when its owner's turn comes.
   *
   * @param owner Whose task it is.
   * @param task What to do; it leaves the session idle, or throws.
   * @param signal Ends the wait for a session, and its opening.
   * @returns What the task gives.
   * @throws What opening the session or the task throws.
   */
  async run<T>(
    owner: string,
    task: (session: UpstreamSession) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const before = this.#last.get(owner);
    const { promise: done, resolve } = Promise.withResolvers<void>();
    this.#last.set(owner, done);
    await before;
    try {
      using _permit = await this.#permits.acquire(signal);
      return await this.#runOnce(task, signal);
    } finally {
      if (this.#last.get(owner) === done) this.#last.delete(owner);
      resolve();
    }
  }

  /** Closes idle sessions now, and busy ones when their task ends. */
  close(): void {
    this.#closed = true;
    for (const { session, timer } of this.#idle.splice(0)) {
      clearTimeout(timer);
      session.close();
    }
  }

  async #runOnce<T>(task: (session: UpstreamSession) => Promise<T>, signal: AbortSignal): Promise<T> {
    const session = this.#takeIdle() ?? await this.#options.connect(signal);
    try {
      const result = await task(session);
      this.#keep(session);
      return result;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  #takeIdle(): UpstreamSession | undefined {
    const idle = this.#idle.pop();
    clearTimeout(idle?.timer);
    return idle?.session;
  }

  #keep(session: UpstreamSession): void {
    if (this.#closed) return session.close();
    const timer = setTimeout(() => {
      const at = this.#idle.findIndex((idle) => idle.session === session);
      if (at >= 0) this.#idle.splice(at, 1);
      session.close();
    }, this.#options.idleMs);
    Deno.unrefTimer(timer);
    this.#idle.push({ session, timer });
  }
}
