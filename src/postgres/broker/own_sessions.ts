import { addAbortListener } from "node:events";
import { abortable } from "../../lib/async/abortable.ts";
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
  /** Asks the server to cancel what a session runs. */
  readonly cancel: (session: UpstreamSession) => Promise<unknown>;
  /** Milliseconds that a task has. */
  readonly taskMs: number;
}

/** What to do on a session. It leaves the session idle, or throws; it drops the session when the signal fires. */
type Task<T> = (session: UpstreamSession, closing: AbortSignal) => Promise<T>;

interface IdleSession {
  readonly session: UpstreamSession;
  readonly timer: ReturnType<typeof setTimeout>;
}

/**
 * A few sessions for the broker's own questions. An owner has one at a time, so that no sandbox takes all of them. It keeps the session until the
 * server has answered: a dropped session leaves its process at the server, and an owner could repeat that.
 */
export class OwnSessions {
  readonly #options: OwnSessionsOptions;
  readonly #idle: IdleSession[] = [];
  /** The last task of each owner; the next one waits for it. */
  readonly #last = new Map<string, Promise<void>>();
  readonly #permits: Semaphore;
  readonly #closing = new AbortController();

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
   * @param task What to do.
   * @param signal Ends the wait for a session, its opening, and the wait for the task, which is then cancelled at the server.
   * @returns What the task gives.
   * @throws What opening the session or the task throws, or the signal's reason.
   */
  run<T>(owner: string, task: Task<T>, signal: AbortSignal): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const before = this.#last.get(owner) ?? Promise.resolve();
    const free = this.#occupy({ before, task, signal, settle: resolve }).catch(reject)
      // A task whose own wait has ended leaves the turn to those before it.
      .then(() => before).then(() => {
        if (this.#last.get(owner) === free) this.#last.delete(owner);
      });
    this.#last.set(owner, free);
    return promise;
  }

  /** Closes all sessions. */
  close(): void {
    this.#closing.abort();
    for (const { session, timer } of this.#idle.splice(0)) {
      clearTimeout(timer);
      session.close();
    }
  }

  /** Resolves when the session is free again, which may be long after the caller has stopped waiting for the task. */
  async #occupy<T>(
    { before, task, signal, settle }: {
      readonly before: Promise<void>;
      readonly task: Task<T>;
      readonly signal: AbortSignal;
      readonly settle: (result: Promise<T>) => void;
    },
  ): Promise<void> {
    await abortable(before, signal);
    using _permit = await this.#permits.acquire(signal);
    const session = this.#takeIdle() ?? await this.#options.connect(signal);
    const { cancel, taskMs } = this.#options;
    const limited = AbortSignal.any([signal, AbortSignal.timeout(taskMs)]);
    let cancelled: Promise<unknown> | undefined;
    using _cancelling = addAbortListener(limited, () => cancelled = cancel(session));
    const running = task(session, this.#closing.signal);
    settle(abortable(running, limited));
    try {
      await running;
      // A cancel that is on its way would hit the next task.
      await cancelled;
      this.#keep(session);
    } catch {
      session.close();
    }
  }

  #takeIdle(): UpstreamSession | undefined {
    const idle = this.#idle.pop();
    clearTimeout(idle?.timer);
    return idle?.session;
  }

  #keep(session: UpstreamSession): void {
    if (this.#closing.signal.aborted) return session.close();
    const timer = setTimeout(() => {
      const at = this.#idle.findIndex((idle) => idle.session === session);
      if (at >= 0) this.#idle.splice(at, 1);
      session.close();
    }, this.#options.idleMs);
    Deno.unrefTimer(timer);
    this.#idle.push({ session, timer });
  }
}
