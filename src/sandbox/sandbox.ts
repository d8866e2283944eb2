/** One sandbox: a container whose kernel runs cells, one at a time. */
import type { Clock } from "../lib/clock.ts";
import type { AgentContainer, Removal } from "../runtime/mod.ts";
import type { SandboxEnd } from "./endings.ts";
import type { ExecuteOptions } from "./execution.ts";
import { Executions } from "./executions.ts";
import { SandboxFiles } from "./files/files.ts";
import { Lifetime } from "./lifetime.ts";
import type { ExecutionOutcome } from "./outcome.ts";

/**
 * `idle` and `busy` accept calls; `removing` ones have ended, but the removal of their container is not confirmed yet; the others no
 * longer have a container.
 */
export type SandboxState = "idle" | "busy" | "removing" | SandboxEnd["state"];

/** What a list shows of a sandbox. Times are milliseconds since the epoch. */
export interface SandboxInfo {
  /** Its handle. */
  readonly sandboxId: string;
  /** Its state at the time of the call. */
  readonly state: SandboxState;
  /** When it was created. */
  readonly createdAt: number;
  /** When its last call ended. */
  readonly lastUsedAt: number;
  /** Idle time after which it expires, ms. */
  readonly idleMs: number;
  /** When its lifetime ends. */
  readonly endsAt: number;
  /** How many cells it has run. */
  readonly cells: number;
  /** Why it ended; only for one that did. */
  readonly reason?: string;
}

/** What a {@link Sandbox} is made of. */
export interface SandboxParts {
  /** Its handle. */
  readonly id: string;
  /** Started or adopted, and verified. */
  readonly container: AgentContainer;
  /** Idle time after which it expires, ms. */
  readonly idleMs: number;
  /** Age at which it expires, ms. */
  readonly lifetimeMs: number;
  /** Resolves when the first kernel is ready, or will never be. */
  readonly kernelStarted: Promise<void>;
  /** Where it reads the time. @default the process's own */
  readonly clock?: Clock;
}

/** A sandbox, live or ended: its lifetime, its executions and its files. */
export class Sandbox {
  /** Its handle. */
  readonly id: string;
  /** Its files; they can be used while a cell runs. */
  readonly files: SandboxFiles;
  readonly #lifetime: Lifetime;
  readonly #executions: Executions;

  /**
   * Begins a sandbox's lifetime; one whose container ends by itself is lost.
   *
   * @param parts See {@link SandboxParts}.
   */
  constructor(parts: SandboxParts) {
    this.id = parts.id;
    const lifetime = new Lifetime(parts);
    this.#lifetime = lifetime;
    this.files = new SandboxFiles({ lifetime, container: parts.container });
    this.#executions = new Executions({
      lifetime,
      container: parts.container,
      kernelStarted: parts.kernelStarted,
    });
    void parts.container.ended.then(({ reason, outOfMemory }) => {
      lifetime.remove({ state: "lost", reason, oom: outOfMemory });
    });
  }

  /** True while a call waits for the kernel, or a cell uses it: also a cancelled one until it has ended. */
  get busy(): boolean {
    return this.#executions.busy;
  }

  /** True as soon as it accepts no more calls. */
  get isEnding(): boolean {
    return this.#lifetime.end !== undefined;
  }

  /** Resolves when the removal of its container is confirmed. */
  get removed(): Promise<void> {
    return this.#lifetime.removed;
  }

  /** Why it must be removed now; undefined where it need not. */
  get expiryReason(): string | undefined {
    return this.#lifetime.expiryReason(this.#inUse);
  }

  /** Milliseconds since a call last used it; 0 while one does. */
  get unusedMs(): number {
    return this.#inUse ? 0 : this.#lifetime.unusedMs;
  }

  /** Milliseconds until its lifetime ends. */
  get remainingMs(): number {
    return this.#lifetime.remainingMs;
  }

  /** Counts now as its last use. */
  touch(): void {
    this.#lifetime.touch();
  }

  /** What a list shows. */
  info(): SandboxInfo {
    const { end, createdAt, lastUsedAt, idleMs, endsAt } = this.#lifetime;
    return {
      sandboxId: this.id,
      state: this.#state(end),
      createdAt,
      lastUsedAt,
      idleMs,
      endsAt,
      cells: this.#executions.count,
      ...(end === undefined ? {} : { reason: end.reason }),
    };
  }

  /**
   * Runs a cell. Cells of one sandbox run one after the other. Waiting for another cell counts towards the deadline; the start of the
   * sandbox's first kernel does not.
   *
   * @param code Python source.
   * @param options Deadline, caps, cancellation.
   * @returns The outcome; a Python error or a timeout is an outcome, not an exception.
   * @throws {OmcpError} `invalid_argument` for a source of more than 1 MiB; `sandbox_lost`, `sandbox_not_found`, `cancelled`, `sandbox_busy`, `timeout` (the cell did not run),
   * `kernel_unavailable`, `channel_failed`.
   */
  execute(code: string, options: ExecuteOptions): Promise<ExecutionOutcome> {
    return this.#executions.execute(code, options);
  }

  /**
   * Ends it and removes its container, and retries until that succeeds. Idempotent; it keeps the first reason.
   *
   * @returns The removal. A repeated call retries at once where the last attempt failed.
   */
  remove(state: SandboxEnd["state"], reason: string): Removal {
    return this.#lifetime.remove({ state, reason, oom: false });
  }

  /** Throws the error of a call on an ended sandbox, if it has ended. */
  throwIfEnded(): void {
    this.#lifetime.throwIfEnded();
  }

  /** Whether a call uses it, or waits to. */
  get #inUse(): boolean {
    return this.busy || this.files.busy;
  }

  #state(end: SandboxEnd | undefined): SandboxState {
    if (end === undefined) return this.busy ? "busy" : "idle";
    return this.#lifetime.isRemoved ? end.state : "removing";
  }
}
