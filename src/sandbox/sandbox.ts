/** One sandbox: a container whose kernel runs cells, one at a time. */
import { ReplyError } from "../agent_protocol/mod.ts";
import { abortable } from "../lib/async/abortable.ts";
import { DeadlineSignal, within } from "../lib/async/deadline.ts";
import { OmcpError } from "../errors.ts";
import type { AgentContainer, ContainerEnd, Removal } from "../runtime/mod.ts";
import type { ExecutionOutcome } from "./outcome.ts";
import { agentError, cancelledError, endedError, type SandboxEnd } from "./endings.ts";
import { codeBytes, MAX_CODE_BYTES } from "../agent_protocol/messages/mod.ts";
import { type ExecuteOptions, runCell } from "./execution.ts";
import { Semaphore } from "../lib/async/semaphore.ts";

export type { ExecuteOptions } from "./execution.ts";

/** Calls that may wait for a sandbox's kernel. */
const MAX_WAITING_CELLS = 16;
/** A first kernel that takes longer to start than this counts as the cell's own time. */
const KERNEL_START_MS = 30_000;
/** How long a call whose channel broke waits for the reason, and for the removal. */
const LAST_WORDS_MS = 1500;

/** `idle` and `busy` are live; of a `removing` one the container is not yet known to be gone; the others have none. */
export type SandboxState = "idle" | "busy" | "removing" | SandboxEnd["state"];

/** What a list shows of a sandbox. Times are milliseconds since the epoch. */
export interface SandboxInfo {
  readonly sandboxId: string;
  readonly state: SandboxState;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  /** Idle time after which it is removed, ms. */
  readonly idleMs: number;
  /** When its lifetime ends. */
  readonly endsAt: number;
  readonly cells: number;
  /** Why it ended; only for one that did. */
  readonly reason?: string;
}

/** What a {@link Sandbox} is made of. */
export interface SandboxParts {
  readonly id: string;
  readonly container: AgentContainer;
  readonly idleMs: number;
  readonly lifetimeMs: number;
  /** Resolves when the first kernel is ready, or will never be. */
  readonly kernelStarted: Promise<void>;
}

/** A live sandbox, or the memory of one. */
export class Sandbox {
  readonly id: string;
  /** Resolves when its container is known to be gone. */
  readonly gone: Promise<void>;
  readonly #gone = Promise.withResolvers<void>();
  readonly #container: AgentContainer;
  readonly #semaphore = new Semaphore(1, MAX_WAITING_CELLS);
  readonly #idleMs: number;
  readonly #createdAt = Date.now();
  readonly #endsAt: number;
  // Ages are measured on the monotonic clock: a step of the wall clock must not expire anyone.
  readonly #born = performance.now();
  readonly #lifetimeMs: number;
  readonly #kernelStarted: Promise<void>;
  #lastUsed = performance.now();
  #calls = 0;
  #cells = 0;
  #end: SandboxEnd | undefined;
  #removal: Removal | undefined;

  constructor(parts: SandboxParts) {
    this.id = parts.id;
    this.gone = this.#gone.promise;
    this.#container = parts.container;
    this.#idleMs = parts.idleMs;
    this.#lifetimeMs = parts.lifetimeMs;
    this.#kernelStarted = parts.kernelStarted;
    this.#endsAt = this.#createdAt + parts.lifetimeMs;
  }

  /** True while a call waits for the kernel, or a cell uses it: a cancelled one too, until it has ended. */
  get busy(): boolean {
    return this.#calls > 0 || this.#semaphore.busy;
  }

  /** True as soon as it takes no call any more. */
  get isEnding(): boolean {
    return this.#end !== undefined;
  }

  /** Resolves when the container or the channel to it is over, for whatever reason. */
  get ended(): Promise<ContainerEnd> {
    return this.#container.ended;
  }

  /** Why it is to be removed now, or undefined. */
  get due(): string | undefined {
    if (this.isEnding) return undefined;
    const now = performance.now();
    if (now - this.#born > this.#lifetimeMs) return `its lifetime of ${this.#lifetimeMs / 1000} s is over`;
    if (!this.busy && now - this.#lastUsed > this.#idleMs) return `it was idle for ${this.#idleMs / 1000} s`;
    return undefined;
  }

  /** What a list shows. */
  info(): SandboxInfo {
    return {
      sandboxId: this.id,
      state: this.#state(),
      createdAt: this.#createdAt,
      lastUsedAt: Date.now() - Math.round(performance.now() - this.#lastUsed),
      idleMs: this.#idleMs,
      endsAt: this.#endsAt,
      cells: this.#cells,
      ...(this.#end === undefined ? {} : { reason: this.#end.reason }),
    };
  }

  /**
   * Runs a cell. Cells of one sandbox run one after the other; the time spent waiting for another cell counts towards
   * the deadline, the start of the sandbox's first kernel does not.
   *
   * @param code Python source.
   * @param options Deadline, caps, cancellation.
   * @returns The outcome; a Python error or a timeout is an outcome, not an exception.
   * @throws {OmcpError} `invalid_argument`: longer than {@link MAX_CODE_BYTES}; `sandbox_lost`, `cancelled`, `sandbox_busy`, `timeout` (it never began), `kernel_unavailable`, `channel_failed`.
   */
  async execute(code: string, options: ExecuteOptions): Promise<ExecutionOutcome> {
    this.throwIfEnded();
    const bytes = codeBytes(code);
    if (bytes > MAX_CODE_BYTES) {
      throw new OmcpError(
        "invalid_argument",
        `A cell's source must have at most ${MAX_CODE_BYTES} bytes in UTF-8: received ${bytes}`,
        { state: "The cell was not begun.", next: "Write long text to a file and read it in the cell." },
      );
    }
    this.#calls += 1;
    try {
      if (this.#semaphore.busy) options.onWaiting?.();
      const start = performance.now();
      const permit = await this.#kernelPermit(options);
      const waited = performance.now() - start;
      try {
        await this.#kernelStart(options.signal);
        this.throwIfEnded();
        if (options.signal?.aborted) throw cancelledError("The cell was not begun.");
      } catch (error) {
        permit[Symbol.dispose]();
        if (this.isEnding) await within(this.gone, LAST_WORDS_MS);
        throw error;
      }
      const timeoutMs = Math.max(100, Math.floor(options.timeoutMs - waited));
      const run = runCell(
        this.#container.channel,
        code,
        { ...options, timeoutMs },
        (error) => this.#failed(error),
      );
      if (options.silent !== true) this.#cells += 1;
      // The kernel's permit is free when the agent has answered, not when the caller has its answer or has gone.
      void run.settled.then(() => {
        permit[Symbol.dispose]();
        this.#lastUsed = performance.now();
      });
      return { ...await run.outcome, waitedMs: waited };
    } finally {
      this.#calls -= 1;
      this.#lastUsed = performance.now();
    }
  }

  /**
   * Ends it and removes its container, however often that has to be tried. Idempotent; the first reason stands.
   *
   * @returns The removal; a repeated call tries again at once where the last attempt failed.
   */
  remove(state: SandboxEnd["state"], reason: string, oom = false): Removal {
    this.#end ??= { state, reason, oom };
    this.#removal = this.#container.remove(reason);
    void this.#removal.removed.then(() => this.#gone.resolve());
    return this.#removal;
  }

  /** Throws what a call on an ended sandbox must say. */
  throwIfEnded(): void {
    if (this.#end !== undefined) throw this.#endError(this.#end);
  }

  #state(): SandboxState {
    if (this.#end === undefined) return this.busy ? "busy" : "idle";
    return this.#removal?.isRemoved === true ? this.#end.state : "removing";
  }

  async #kernelPermit(options: ExecuteOptions): Promise<Disposable> {
    using deadline = new DeadlineSignal(options.timeoutMs, options.signal);
    try {
      return await this.#semaphore.acquire(deadline.signal);
    } catch (error) {
      if (options.signal?.aborted) throw cancelledError("The cell was not begun.", error);
      this.throwIfEnded();
      if (!deadline.expired) {
        throw new OmcpError(
          "sandbox_busy",
          `Sandbox ${this.id} is busy and ${MAX_WAITING_CELLS} calls wait already`,
          {
            state: "The cell was not begun.",
            next: "Wait for the running cell, or use another sandbox.",
            cause: error,
          },
        );
      }
      throw new OmcpError(
        "timeout",
        `Sandbox ${this.id} was busy for the whole ${options.timeoutMs} ms of this call`,
        {
          state: "The cell was not begun; the cell before it still runs or its kernel is being replaced.",
          next: "Try again, with a longer timeout if the cell before it needs it.",
          cause: error,
        },
      );
    }
  }

  /** Waits for the first kernel: its start, seconds on a slow machine, is no fault of the first cell. */
  async #kernelStart(signal: AbortSignal | undefined): Promise<void> {
    using deadline = new DeadlineSignal(KERNEL_START_MS, signal);
    const started = Promise.race([this.#kernelStarted, this.#container.ended]);
    // Whatever ended the wait, the caller looks at the state itself.
    await abortable(started, deadline.signal).catch(() => {});
  }

  /** Says what a failed request means for the sandbox, and gives the sandbox up where it cannot be trusted or reached. */
  async #failed(error: unknown): Promise<never> {
    if (error instanceof ReplyError) throw agentError(error);
    const known = error instanceof OmcpError ? error : undefined;
    const sent = known?.details.sent !== false;
    if (this.#end !== undefined) {
      await within(this.gone, LAST_WORDS_MS);
      throw this.#endError(this.#end, sent);
    }
    const reason = known?.code === "timeout"
      ? "its kernel could not be brought back"
      : (known?.message ?? String(error));
    const broken = known?.code === "channel_failed";
    const end = broken ? await within(this.#container.ended, LAST_WORDS_MS) : undefined;
    this.remove("lost", end?.reason ?? reason, end?.outOfMemory ?? false);
    await within(this.gone, LAST_WORDS_MS);
    if (broken && !known.retryable) throw known;
    throw this.#end === undefined ? error : this.#endError(this.#end, sent);
  }

  #endError(end: SandboxEnd, sent = true): OmcpError {
    return endedError(this.id, end, { gone: this.#removal?.isRemoved ?? false, sent });
  }
}
