/** Removal of containers that never gives up: it retries until the runtime confirms that the container no longer exists. */
import { Deadline, within } from "../lib/async/deadline.ts";
import { OmcpError } from "../errors.ts";
import { logger } from "../observability/log.ts";
import type { ContainerRuntime } from "./container_runtime.ts";

const log = logger("runtime");

/** How long one attempt may take. */
const ATTEMPT_MS = 10_000;
/** The wait after a failed attempt; it doubles each time. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 15_000;
/**
 * How long a container may still appear after its creation was given up: an engine that hung carries out pending requests when it
 * recovers. Until then its absence proves nothing.
 */
const LATE_CREATION_MS = 60_000;

/** A removal, in progress or complete. */
export interface Removal {
  /** Resolves when the runtime has confirmed the removal; never rejects. */
  readonly removed: Promise<void>;
  /** Whether it has. */
  readonly isRemoved: boolean;
  /** Why the last attempt failed; undefined if none has. */
  readonly problem: string | undefined;
  /**
   * Waits for the confirmation, for a limited time.
   *
   * @param ms Milliseconds.
   * @returns Whether the removal is confirmed.
   */
  within(ms: number): Promise<boolean>;
}

/** What a removal of a container returns that is no longer this server's. */
export const DETACHED: Removal = {
  removed: Promise.resolve(),
  isRemoved: true,
  problem: undefined,
  within: () => Promise.resolve(true),
};

/** Which container to remove. */
export interface RemovalTarget {
  /** The container's name in the runtime, which identifies the removal. */
  readonly name: string;
  /** What the runtime is asked to remove. @default its name */
  readonly id?: string;
  /** Whether its creation was given up, so that it may still appear. @default false */
  readonly mayAppear?: boolean;
}

/** The part of a runtime that removals use. */
export type RemovingRuntime = Pick<ContainerRuntime, "removeContainer">;

/** The removals of one server. */
export class Removals {
  readonly #runtime: RemovingRuntime;
  readonly #pending = new Map<string, PendingRemoval>();

  /**
   * Begins without any.
   *
   * @param runtime Where the containers are.
   */
  constructor(runtime: RemovingRuntime) {
    this.#runtime = runtime;
  }

  /**
   * Removes a container. Where its removal is in progress already, the next attempt begins at once.
   *
   * @param target Which.
   */
  remove(target: RemovalTarget): Removal {
    const known = this.#pending.get(target.name);
    if (known !== undefined) {
      known.retryNow();
      return known;
    }
    const removal = new PendingRemoval(this.#runtime, target);
    this.#pending.set(target.name, removal);
    void removal.removed.then(() => this.#pending.delete(target.name));
    return removal;
  }

  /**
   * The removal in progress of a container, if any.
   *
   * @param name The container's name.
   */
  of(name: string): Removal | undefined {
    return this.#pending.get(name);
  }

  /** Names of the containers whose removal is in progress. */
  get names(): readonly string[] {
    return [...this.#pending.keys()];
  }

  /** Resolves when all present removals are complete. Their next attempts begin at once. */
  async allRemoved(): Promise<void> {
    const pending = [...this.#pending.values()];
    for (const removal of pending) removal.retryNow();
    await Promise.all(pending.map(({ removed }) => removed));
  }

  /** Stops retrying, because the process ends. What remains ends by its lease. */
  close(): void {
    for (const removal of this.#pending.values()) removal.stop();
  }
}

class PendingRemoval implements Removal {
  readonly removed: Promise<void>;
  isRemoved = false;
  problem: string | undefined;
  readonly #runtime: RemovingRuntime;
  readonly #target: RemovalTarget;
  readonly #startedAt = performance.now();
  readonly #stopped = new AbortController();
  #waitMs = FIRST_WAIT_MS;
  #wake: (() => void) | undefined;

  constructor(runtime: RemovingRuntime, target: RemovalTarget) {
    this.#runtime = runtime;
    this.#target = target;
    const removed = Promise.withResolvers<void>();
    this.removed = removed.promise;
    void this.#run(removed.resolve);
  }

  async within(ms: number): Promise<boolean> {
    await within(this.removed, ms);
    return this.isRemoved;
  }

  retryNow(): void {
    this.#waitMs = FIRST_WAIT_MS;
    this.#wake?.();
  }

  stop(): void {
    this.#stopped.abort();
    this.#wake?.();
  }

  async #run(resolve: () => void): Promise<void> {
    const { name } = this.#target;
    while (!this.#stopped.signal.aborted) {
      if (await this.#attempt()) {
        if (this.problem !== undefined) log.info("Removed container {name} after failed attempts", { name });
        this.isRemoved = true;
        resolve();
        return;
      }
      await this.#pause();
    }
  }

  async #attempt(): Promise<boolean> {
    const { name, id = name, mayAppear = false } = this.#target;
    try {
      await this.#runtime.removeContainer(id, { deadlineMs: ATTEMPT_MS, signal: this.#stopped.signal });
      return !mayAppear || performance.now() - this.#startedAt > LATE_CREATION_MS;
    } catch (error) {
      if (this.#stopped.signal.aborted) return false;
      this.problem = error instanceof OmcpError ? `${error.code}: ${error.message}` : String(error);
      log.warning("Cannot remove container {name}, retrying: {error}", { name, error: this.problem });
      return false;
    }
  }

  async #pause(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    const pause = Promise.withResolvers<void>();
    this.#wake = pause.resolve;
    using _deadline = new Deadline(this.#waitMs, pause.resolve);
    this.#waitMs = Math.min(2 * this.#waitMs, LONGEST_WAIT_MS);
    await pause.promise;
    this.#wake = undefined;
  }
}
