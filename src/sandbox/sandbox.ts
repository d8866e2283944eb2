/** One sandbox: a hosted container whose kernel runs cells, one at a time. */
import { ReplyError } from "../agent_protocol/mod.ts";
import { OmcpError } from "../errors.ts";
import type { ContainerEnd, HostedContainer } from "../runtime/mod.ts";
import { CellCollector, type CellOutcome, type CellOutput } from "./cell.ts";
import { cancelledError, lostError, recovering } from "./endings.ts";
import { Turnstile } from "./turnstile.ts";

/** Calls that may wait for a sandbox's kernel. */
const MAX_WAITING_CELLS = 16;
/** By this long after its deadline a call has its answer, whatever the sandbox does (promise 3: two seconds). */
const ANSWER_GRACE_MS = 1800;
/** The agent has this long after a cell's deadline to bring a kernel back; then the sandbox is given up. */
const RECOVERY_MS = 15_000;
/** A first kernel that takes longer to start than this counts as the cell's own time. */
const KERNEL_START_MS = 30_000;
/** How long a cancelled cell's interrupt may take to be confirmed. */
const INTERRUPT_MS = 2000;

/** `idle` and `busy` are live; the others have no container any more. */
export type SandboxState = "idle" | "busy" | "removed" | "expired" | "lost";

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

/** How a cell is to be run. */
export interface ExecuteOptions {
  /** The cell's own time, ms. */
  readonly timeoutMs: number;
  /** stdout and stderr kept, bytes. */
  readonly outputBytes: number;
  /** Interrupts the cell, variables kept. */
  readonly signal?: AbortSignal;
  readonly onOutput?: (output: CellOutput) => void;
  /** Called when another cell of the sandbox has to end first. */
  readonly onWaiting?: () => void;
  /** Runs apart from the user's history, in a throw-away namespace that has `user_ns`. */
  readonly internal?: boolean;
}

/** What a {@link Sandbox} is made of. */
export interface SandboxParts {
  readonly id: string;
  readonly container: HostedContainer;
  readonly idleMs: number;
  readonly lifetimeMs: number;
  /** Resolves when the first kernel is ready, or will never be. */
  readonly kernelStarted: Promise<void>;
}

/** A live sandbox, or the memory of one. */
export class Sandbox {
  readonly id: string;
  readonly #container: HostedContainer;
  readonly #turnstile = new Turnstile(1, MAX_WAITING_CELLS);
  readonly #idleMs: number;
  readonly #createdAt = Date.now();
  readonly #endsAt: number;
  // Ages are measured on the monotonic clock: a step of the wall clock must not reap anyone.
  readonly #born = performance.now();
  readonly #lifetimeMs: number;
  readonly #kernelStarted: Promise<void>;
  #lastUsed = performance.now();
  #calls = 0;
  #cells = 0;
  #end:
    | { readonly state: "removed" | "expired" | "lost"; readonly reason: string; readonly oom: boolean }
    | undefined;

  constructor(parts: SandboxParts) {
    this.id = parts.id;
    this.#container = parts.container;
    this.#idleMs = parts.idleMs;
    this.#lifetimeMs = parts.lifetimeMs;
    this.#kernelStarted = parts.kernelStarted;
    this.#endsAt = this.#createdAt + parts.lifetimeMs;
  }

  /** True while a call waits for or uses the kernel. */
  get busy(): boolean {
    return this.#calls > 0;
  }

  /** Resolves when the container is gone, for whatever reason. */
  get ended(): Promise<ContainerEnd> {
    return this.#container.ended;
  }

  /** Why it is due for removal now, or undefined. */
  get due(): string | undefined {
    const now = performance.now();
    if (now - this.#born > this.#lifetimeMs) return `its lifetime of ${this.#lifetimeMs / 1000} s is over`;
    if (!this.busy && now - this.#lastUsed > this.#idleMs) return `it was idle for ${this.#idleMs / 1000} s`;
    return undefined;
  }

  /** What a list shows. */
  info(): SandboxInfo {
    return {
      sandboxId: this.id,
      state: this.#end?.state ?? (this.busy ? "busy" : "idle"),
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
   * @throws {OmcpError} `sandbox_lost`, `cancelled`, `sandbox_busy`, `timeout` (it never began), `kernel_unavailable`, `channel_failed`.
   */
  async execute(code: string, options: ExecuteOptions): Promise<CellOutcome> {
    this.throwIfEnded();
    this.#calls += 1;
    try {
      if (this.#turnstile.busy) options.onWaiting?.();
      const start = performance.now();
      const leave = await this.#enter(options);
      const waited = performance.now() - start;
      try {
        await this.#kernelStart(options.signal);
        const run = this.#run(code, options, Math.max(100, Math.floor(options.timeoutMs - waited)));
        // The kernel's place is freed when the agent has truly answered, not when the caller has.
        void run.settled.finally(leave);
        return { ...await run.outcome, waited_ms: waited };
      } catch (error) {
        leave();
        throw error;
      }
    } finally {
      this.#calls -= 1;
      this.#lastUsed = performance.now();
    }
  }

  /** Ends it. Idempotent; the first reason stands. */
  async remove(state: "removed" | "expired" | "lost", reason: string, oom = false): Promise<void> {
    this.#end ??= { state, reason, oom };
    await this.#container.remove(reason);
  }

  /** Throws what a call on an ended sandbox must say. */
  throwIfEnded(): void {
    if (this.#end === undefined) return;
    if (this.#end.state !== "lost") {
      throw new OmcpError("sandbox_not_found", `Sandbox ${this.id} has been removed: ${this.#end.reason}`, {
        state: "Its variables and files are gone.",
        next: "Create a new sandbox with create_sandbox.",
      });
    }
    throw lostError(this.id, this.#end.reason, this.#end.oom);
  }

  async #enter(options: ExecuteOptions): Promise<() => void> {
    // Not AbortSignal.timeout: thousands of quick cells would each leave one that lives on until its time.
    const giveUp = new AbortController();
    function abort(): void {
      giveUp.abort();
    }
    const timer = setTimeout(abort, options.timeoutMs);
    options.signal?.addEventListener("abort", abort, { once: true });
    if (options.signal?.aborted) abort();
    try {
      return await this.#turnstile.enter(giveUp.signal);
    } catch (error) {
      if (options.signal?.aborted) throw cancelledError("The cell was not begun.", error);
      if (error instanceof OmcpError) {
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
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", abort);
    }
  }

  /** Waits for the first kernel: its start, seconds on a slow machine, is no fault of the first cell. */
  async #kernelStart(signal: AbortSignal | undefined): Promise<void> {
    const enough = Promise.withResolvers<void>();
    const timer = setTimeout(enough.resolve, KERNEL_START_MS);
    signal?.addEventListener("abort", () => enough.resolve(), { once: true });
    try {
      await Promise.race([this.#kernelStarted, this.#container.ended, enough.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  #run(
    code: string,
    options: ExecuteOptions,
    timeoutMs: number,
  ): { outcome: Promise<CellOutcome>; settled: Promise<void> } {
    const collector = new CellCollector(options.onOutput);
    const { channel } = this.#container;
    const request = channel.request("execute", {
      code,
      timeout_ms: timeoutMs,
      max_output_bytes: options.outputBytes,
      internal: options.internal ?? false,
    }, { deadlineMs: timeoutMs + RECOVERY_MS, onEvent: (event) => collector.take(event) });
    if (options.internal !== true) this.#cells += 1;
    const reply = request.then((result) => collector.finish(result)).catch((error: unknown) =>
      this.#failed(error)
    );
    const settled = reply.then(() => {}, () => {});
    return { outcome: this.#answer(reply, collector, options, timeoutMs), settled };
  }

  /** The reply, or by the deadline plus its grace what is known without one; a cancel in between interrupts the cell. */
  async #answer(
    reply: Promise<CellOutcome>,
    collector: CellCollector,
    options: ExecuteOptions,
    timeoutMs: number,
  ): Promise<CellOutcome> {
    const late = Promise.withResolvers<CellOutcome>();
    const timer = setTimeout(
      () => late.resolve(recovering(collector.outputs, timeoutMs + ANSWER_GRACE_MS)),
      timeoutMs + ANSWER_GRACE_MS,
    );
    const abort = (): void => {
      void this.#interrupt(reply).finally(() =>
        late.reject(cancelledError("The cell was interrupted; variables are kept."))
      );
    };
    options.signal?.addEventListener("abort", abort, { once: true });
    if (options.signal?.aborted) abort();
    late.promise.catch(() => {});
    try {
      return await Promise.race([reply, late.promise]);
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", abort);
    }
  }

  async #interrupt(reply: Promise<CellOutcome>): Promise<void> {
    await this.#container.channel.request("interrupt", {}, { deadlineMs: INTERRUPT_MS }).catch(() => {});
    const enough = Promise.withResolvers<void>();
    const timer = setTimeout(enough.resolve, INTERRUPT_MS);
    await Promise.race([reply.then(() => {}, () => {}), enough.promise]);
    clearTimeout(timer);
  }

  /** Says what a failed request means for the sandbox, and gives the sandbox up where it cannot be trusted or reached. */
  async #failed(error: unknown): Promise<never> {
    if (error instanceof ReplyError) {
      if (error.code === "kernel_unavailable") {
        throw new OmcpError("kernel_unavailable", error.message, {
          state: "No code was run.",
          next: "Try again once; if it stays so, create another sandbox.",
        });
      }
      throw new OmcpError(error.code === "busy" ? "sandbox_busy" : "invalid_argument", error.message, {
        state: "The cell was not begun.",
        cause: error,
      });
    }
    this.throwIfEnded();
    const known = error instanceof OmcpError ? error : undefined;
    const reason = known?.code === "timeout"
      ? "its kernel could not be brought back"
      : (known?.message ?? String(error));
    const end = known?.code === "channel_failed" ? await this.#ended() : undefined;
    await this.remove("lost", end?.reason ?? reason, end?.outOfMemory ?? false).catch(() => {});
    if (known?.code === "channel_failed" && !known.retryable) throw known;
    this.throwIfEnded();
    throw error;
  }

  /** The container's end, where it comes soon. */
  async #ended(): Promise<ContainerEnd | undefined> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => resolve(undefined), 1500);
    try {
      return await Promise.race([this.#container.ended, promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}
