/** Removal of containers that is never given up: an engine that hangs or refuses is asked again until the container is gone. */
import { Deadline, within } from "../lib/async/deadline.ts";
import { OmcpError } from "../errors.ts";
import { logger } from "../observability/log.ts";
import type { ContainerRuntime } from "./container_runtime.ts";

const log = logger("host");

/** How long one attempt may take. */
const ATTEMPT_MS = 10_000;
/** The wait after a failed attempt, doubled each time. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 15_000;
/**
 * How long a container may yet come into being after its creation was given up: an engine that hangs carries out what it was asked
 * when it wakes. Until then its absence proves nothing.
 */
const SETTLE_MS = 60_000;

/** A removal under way, or done. */
export interface Removal {
  /** Resolves when the engine has confirmed that the container is gone; never rejects. */
  readonly gone: Promise<void>;
  /** True from then on. */
  readonly isGone: boolean;
  /** Why the last attempt failed; undefined where none has. */
  readonly problem: string | undefined;
  /**
   * Waits for the end, but no longer than so long.
   *
   * @param ms Milliseconds.
   * @returns Whether it is gone.
   */
  within(ms: number): Promise<boolean>;
}

/** What is to be removed. */
export interface Doomed {
  /** The container's name in the host, by which a removal is found again. */
  readonly name: string;
  /** What to ask the host for. @default its name */
  readonly id?: string;
  /** Whether its creation was given up, so that it may come later. @default false */
  readonly mayCome?: boolean;
}

/** The removals of one server. */
export class Removals {
  readonly #host: Pick<ContainerRuntime, "removeContainer">;
  readonly #pending = new Map<string, PendingRemoval>();

  /**
   * Begins with none.
   *
   * @param host Where the containers are.
   */
  constructor(host: Pick<ContainerRuntime, "removeContainer">) {
    this.#host = host;
  }

  /**
   * Removes a container. One that is being removed already is tried again at once.
   *
   * @param doomed Which.
   */
  remove(doomed: Doomed): Removal {
    const known = this.#pending.get(doomed.name);
    if (known !== undefined) {
      known.hurry();
      return known;
    }
    const removal = new PendingRemoval(this.#host, doomed);
    this.#pending.set(doomed.name, removal);
    void removal.gone.then(() => this.#pending.delete(doomed.name));
    return removal;
  }

  /**
   * The removal of a container that is not known to be gone.
   *
   * @param name The container's name.
   */
  of(name: string): Removal | undefined {
    return this.#pending.get(name);
  }

  /** Names of the containers that are not known to be gone. */
  get names(): readonly string[] {
    return [...this.#pending.keys()];
  }

  /** Resolves when all that are being removed now are gone. Those that wait for their next attempt are tried at once. */
  async allGone(): Promise<void> {
    const pending = [...this.#pending.values()];
    for (const removal of pending) removal.hurry();
    await Promise.all(pending.map(({ gone }) => gone));
  }

  /** Tries no more: the process ends. What is left ends by its lease. */
  close(): void {
    for (const removal of this.#pending.values()) removal.stop();
  }
}

class PendingRemoval implements Removal {
  readonly gone: Promise<void>;
  isGone = false;
  problem: string | undefined;
  readonly #host: Pick<ContainerRuntime, "removeContainer">;
  readonly #doomed: Doomed;
  readonly #since = performance.now();
  readonly #stopped = new AbortController();
  #wait = FIRST_WAIT_MS;
  #wake: (() => void) | undefined;

  constructor(host: Pick<ContainerRuntime, "removeContainer">, doomed: Doomed) {
    this.#host = host;
    this.#doomed = doomed;
    const gone = Promise.withResolvers<void>();
    this.gone = gone.promise;
    void this.#run(gone.resolve);
  }

  async within(ms: number): Promise<boolean> {
    await within(this.gone, ms);
    return this.isGone;
  }

  hurry(): void {
    this.#wait = FIRST_WAIT_MS;
    this.#wake?.();
  }

  stop(): void {
    this.#stopped.abort();
    this.#wake?.();
  }

  async #run(resolve: () => void): Promise<void> {
    const { name } = this.#doomed;
    while (!this.#stopped.signal.aborted) {
      if (await this.#attempt()) {
        if (this.problem !== undefined) log.info("Container {name} is gone at last", { name });
        this.isGone = true;
        resolve();
        return;
      }
      await this.#pause();
    }
  }

  async #attempt(): Promise<boolean> {
    const { name, id = name, mayCome = false } = this.#doomed;
    try {
      await this.#host.removeContainer(id, { deadlineMs: ATTEMPT_MS, signal: this.#stopped.signal });
      return !mayCome || performance.now() - this.#since > SETTLE_MS;
    } catch (error) {
      if (this.#stopped.signal.aborted) return false;
      this.problem = error instanceof OmcpError ? `${error.code}: ${error.message}` : String(error);
      log.warning("Cannot remove container {name}, will try again: {error}", { name, error: this.problem });
      return false;
    }
  }

  async #pause(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    const enough = Promise.withResolvers<void>();
    this.#wake = enough.resolve;
    using _deadline = new Deadline(this.#wait, enough.resolve);
    this.#wait = Math.min(2 * this.#wait, LONGEST_WAIT_MS);
    await enough.promise;
    this.#wake = undefined;
  }
}
