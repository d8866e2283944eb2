/** Sandboxes that are started before a client asks for them. */
import { OmcpError } from "../errors.ts";
import { abortable } from "../lib/async/abortable.ts";
import { DeadlineSignal } from "../lib/async/deadline.ts";
import { type Clock, SYSTEM_CLOCK } from "../lib/clock.ts";
import { errorMessage } from "../lib/error_message.ts";
import { logger } from "../observability/log.ts";
import type { Removals } from "../runtime/mod.ts";
import type { StartedSandbox } from "./factory.ts";
import { type LaunchedImage, requireReady } from "./ready_check.ts";
import type { Slot } from "./slots.ts";

const log = logger("pool");

/** Without a creation for this long, a pool empties itself, ms. */
const IDLE_MS = 10 * 60_000;
/** The default of {@link PoolOptions.quietMs}. */
const QUIET_MS = 250;
/** How long a start may take, ms. */
const START_MS = 60_000;
/** A creation does not ask again what {@link SandboxPool.tick} has found out this recently, ms: the answer would be all that it waits for. */
const FRESH_MS = 2000;
/** The wait after a failed start; it doubles each time. */
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 5 * 60_000;

/** A start that has begun. The sandbox is handed out only if a new one would have the same image and the same limits. */
export interface Launch extends LaunchedImage {
  /** The image's name, and everything that limits the sandbox. */
  readonly kind: string;
  readonly slot: Slot;
  /** The container's name. */
  readonly name: string;
  readonly started: Promise<StartedSandbox>;
}

/** A sandbox that was taken from a pool, and its slot. */
export type PooledSandbox = Pick<Launch, "slot"> & { readonly started: StartedSandbox };

/** A sandbox without a user, which can be removed for another. */
export interface Spare {
  readonly slot: Slot;
  /** Removes it; resolves when its container is removed. Idempotent. */
  drop(reason: string): Promise<unknown>;
}

/** What a {@link SandboxPool} needs. */
export interface PoolOptions {
  /** How many sandboxes it keeps; 0: none. */
  readonly size: number;
  /** Begins to start a sandbox; undefined if there is no room for one. */
  readonly launch: (signal: AbortSignal) => Promise<Launch | undefined>;
  /** Whether a creation runs or waits. If so, nothing is started ahead. */
  readonly isBusy: () => boolean;
  /**
   * A start begins this long after the last creation, ms: until then its sandbox's first cells, or further creations, need the machine.
   *
   * @default 250
   */
  readonly quietMs?: number;
  /** Removals of the containers. */
  readonly removals: Pick<Removals, "of">;
  /** Where it reads the time. @default the process's own */
  readonly clock?: Clock;
}

/** What a list shows of a pool. */
export interface PoolInfo {
  readonly size: number;
  /** Sandboxes that are started and verified, with a kernel that has imported all that it imports ahead. */
  readonly ready: number;
  /** Sandboxes that its users have created. */
  readonly creations: number;
  /** How many of these creations took a sandbox from the pool. */
  readonly hits: number;
}

interface Entry extends Launch, Spare {
  readonly controller: AbortController;
  isStarted: boolean;
  isTaken: boolean;
  /** Whether {@link SandboxPool.tick} is checking it. */
  isBeingChecked: boolean;
  /** When a check last found that it can be handed out, by the clock. */
  readyAt: number | undefined;
  /** Set when it is dropped; resolves when its container is removed. */
  removal: Promise<void> | undefined;
}

/**
 * The pool of one server. It is filled after the first creation, one sandbox at a time and only while no creation runs; its failures
 * concern no caller.
 */
export class SandboxPool {
  readonly #options: PoolOptions;
  readonly #clock: Clock;
  /** Oldest first, until they are handed out or their containers are removed. */
  readonly #entries = new Set<Entry>();
  #lastCreation: number | undefined;
  #creations = 0;
  #hits = 0;
  #filling: AbortController | undefined;
  #failures = 0;
  #retryAt = 0;
  #closed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param options See {@link PoolOptions}. */
  constructor(options: PoolOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
  }

  /** Its size and how often it had a sandbox. */
  get info(): PoolInfo {
    return {
      size: this.#options.size,
      ready: this.#kept().filter(({ isStarted }) => isStarted).length,
      creations: this.#creations,
      hits: this.#hits,
    };
  }

  /** Its sandboxes, also those that are being started or removed. */
  get spares(): readonly Spare[] {
    return [...this.#entries].filter(({ isTaken, removal }) => !isTaken || removal !== undefined);
  }

  /**
   * Takes a sandbox that answers and was made as a new one would be now. It waits for a sandbox that is being started, which is ready before a new
   * one.
   *
   * @param kind The kind of the sandbox that is asked for.
   * @param signal Ends the wait.
   * @returns The sandbox; undefined if there is none.
   * @throws The signal's reason.
   */
  async take(kind: string, signal: AbortSignal): Promise<PooledSandbox | undefined> {
    for (;;) {
      const entry = this.#kept().find((one) => one.kind === kind);
      if (entry === undefined) return undefined;
      entry.isTaken = true;
      try {
        const started = await abortable(entry.started, signal);
        if (this.#clock.monotonic() - (entry.readyAt ?? -Infinity) > FRESH_MS) {
          await requireReady(entry, started, signal);
        }
        const problem = started.problem();
        if (problem !== undefined) throw problem;
        // It may have ended while it was asked.
        if (entry.removal !== undefined) throw new Error("it has ended");
        this.#entries.delete(entry);
        return { started, slot: entry.slot };
      } catch (error) {
        void entry.drop(`it cannot be handed out: ${errorMessage(error)}`);
        signal.throwIfAborted();
      }
    }
  }

  /**
   * Counts a creation, and fills the pool soon.
   *
   * @param hit Whether its sandbox was taken from the pool.
   */
  created(hit: boolean): void {
    this.#lastCreation = this.#clock.monotonic();
    this.#creations += 1;
    if (hit) this.#hits += 1;
    this.#tickLater();
  }

  /**
   * Checks its sandboxes, so that a creation need not, and starts the next one; or removes all after {@link IDLE_MS} without a creation.
   * Its owner calls it regularly.
   */
  tick(): void {
    if (this.#closed || this.#lastCreation === undefined) return;
    const now = this.#clock.monotonic();
    if (now - this.#lastCreation > IDLE_MS) {
      this.#lastCreation = undefined;
      this.#dropAll(`no sandbox was created for ${IDLE_MS / 60_000} minutes`);
      return;
    }
    for (const entry of this.#kept()) void this.#check(entry);
    const { size, isBusy } = this.#options;
    if (this.#kept().length >= size || this.#filling !== undefined || now < this.#retryAt || isBusy()) return;
    void this.#fill();
  }

  /** Removes its sandboxes and starts no more; resolves when their containers are removed. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#filling?.abort();
    await this.#dropAll("the server ended");
  }

  /** Sandboxes that can be taken. */
  #kept(): Entry[] {
    return [...this.#entries].filter(({ isTaken, removal }) => !isTaken && removal === undefined);
  }

  /** If this fails, a creation decides. */
  async #check(entry: Entry): Promise<void> {
    if (!entry.isStarted || entry.isBeingChecked) return;
    entry.isBeingChecked = true;
    using deadline = new DeadlineSignal(FRESH_MS, entry.controller.signal);
    const asked = this.#clock.monotonic();
    try {
      await requireReady(entry, await entry.started, deadline.signal);
      entry.readyAt = asked;
    } catch {
      entry.readyAt = undefined;
    } finally {
      entry.isBeingChecked = false;
    }
  }

  #dropAll(reason: string): Promise<unknown> {
    return Promise.all(this.spares.map((entry) => entry.drop(reason)));
  }

  #tickLater(): void {
    if (this.#closed || this.#options.size === 0) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.tick(), this.#options.quietMs ?? QUIET_MS);
  }

  async #fill(): Promise<void> {
    const controller = new AbortController();
    using deadline = new DeadlineSignal(START_MS, controller.signal);
    this.#filling = controller;
    let entry: Entry | undefined;
    try {
      const launch = await this.#options.launch(deadline.signal);
      if (launch === undefined) return;
      entry = this.#add(launch, controller);
      const { container, kernelStarted } = await launch.started;
      const { drop } = entry;
      void container.ended.then(({ reason }) => drop(reason));
      await abortable(kernelStarted, deadline.signal);
      entry.isStarted = true;
      this.#failures = 0;
      log.debug("Started a sandbox ahead: {name}", { name: launch.name });
      this.#tickLater();
    } catch (error) {
      if (!controller.signal.aborted) this.#failed(error);
      void entry?.drop("it could not be started");
    } finally {
      this.#filling = undefined;
    }
  }

  #add(launch: Launch, controller: AbortController): Entry {
    const entry: Entry = {
      ...launch,
      controller,
      isStarted: false,
      isTaken: false,
      isBeingChecked: false,
      readyAt: undefined,
      removal: undefined,
      drop: (reason) => entry.removal ??= this.#remove(entry, reason),
    };
    this.#entries.add(entry);
    if (this.#closed) void entry.drop("the server ended");
    return entry;
  }

  async #remove(entry: Entry, reason: string): Promise<void> {
    // A sandbox that was handed out belongs to its user.
    if (!this.#entries.has(entry)) return;
    log.debug("Removed {name}, which was started ahead: {reason}", { name: entry.name, reason });
    entry.controller.abort();
    const started = await entry.started.catch(() => undefined);
    // A failed start has begun the removal itself.
    await (started?.container.remove(reason) ?? this.#options.removals.of(entry.name))?.removed;
    entry.slot.release();
    this.#entries.delete(entry);
  }

  /** The first failure in a row is logged; each doubles the wait. */
  #failed(error: unknown): void {
    const waitMs = Math.min(FIRST_WAIT_MS * 2 ** this.#failures, LONGEST_WAIT_MS);
    this.#retryAt = this.#clock.monotonic() + waitMs;
    this.#failures += 1;
    if (this.#failures > 1) return;
    log.warning(
      "Cannot start a sandbox ahead: {error}. The wait between attempts doubles, up to 5 minutes.",
      {
        error: errorMessage(error),
        ...(error instanceof OmcpError ? { code: error.code, next: error.next } : {}),
      },
    );
  }
}
