/** One sandbox: a container whose kernels run cells, one at a time in each context. */
import { DEFAULT_CONTEXT } from "../agent_protocol/messages/mod.ts";
import type { Clock } from "../lib/clock.ts";
import type { AgentContainer, Removal } from "../runtime/mod.ts";
import type { SandboxEnd } from "./endings.ts";
import { type ContextInfo, Contexts } from "./contexts/contexts.ts";
import { KernelRestart } from "./executions/kernel_restart.ts";
import type { ExecutionOutcome } from "./executions/outcome.ts";
import type { ExecuteOptions, ResumeOptions } from "./executions/run_cell.ts";
import { MAX_RUNNING_EXECUTIONS } from "./executions/execution_spec.ts";
import { ExecutionStore } from "./executions/store.ts";
import { SandboxFiles } from "./files/files.ts";
import { Lifetime } from "./lifetime.ts";
import { ownedName } from "./ownership.ts";
import { SandboxPackages } from "./packages/sandbox_packages.ts";
import type { AskedResources, SandboxInfo, SandboxState, TimeLeft } from "./sandbox_info.ts";

/** What a {@link Sandbox} is made of. */
export interface SandboxParts {
  /** Its handle. */
  readonly id: string;
  /** Its image's name or id. */
  readonly image: string;
  /** Started or adopted, and verified. */
  readonly container: AgentContainer;
  /** Idle time after which it expires, ms. */
  readonly idleMs: number;
  /** Age at which it expires, ms. */
  readonly lifetimeMs: number;
  /** The id of the principal that owns it; undefined for one of the server's own. */
  readonly owner?: string | undefined;
  /** When it was handed out, in milliseconds since the epoch. @default now */
  readonly createdAt?: number;
  /** Cells that it ran under an earlier server. @default 0 */
  readonly cells?: number;
  /** What its creator asked for. @default nothing */
  readonly asked?: AskedResources;
  /** Its memory limit, bytes; undefined if it is not known. */
  readonly memoryBytes?: number;
  /** Resolves when the first kernel is ready, or when it cannot start. */
  readonly kernelStarted: Promise<void>;
  /** Where it reads the time. @default the process's own */
  readonly clock?: Clock;
}

/** How a kernel is restarted. */
export interface RestartOptions extends Pick<ExecuteOptions, "signal" | "onStarted" | "context"> {
  /** Ends the context instead; `default` cannot be removed. @default false */
  readonly remove?: boolean;
}

/** A sandbox, live or ended: its lifetime, its executions and its files. */
export class Sandbox {
  /** Its handle. */
  readonly id: string;
  /** Its files; they can be used while a cell runs. */
  readonly files: SandboxFiles;
  /** What callers execute in it, and have executed. */
  readonly executions: ExecutionStore;
  /** Its image's name or id. */
  readonly image: string;
  /** What was installed into it. */
  readonly packages: SandboxPackages;
  /** Its memory limit, bytes; undefined if it is not known. */
  readonly memoryBytes: number | undefined;
  /** The id of the principal that owns it; undefined for one of the server's own. */
  readonly owner: string | undefined;
  readonly #container: AgentContainer;
  readonly #asked: AskedResources;
  readonly #lifetime: Lifetime;
  readonly #contexts: Contexts;

  /**
   * Begins a sandbox's lifetime; one whose container ends by itself is lost.
   *
   * @param parts See {@link SandboxParts}.
   */
  constructor(parts: SandboxParts) {
    this.id = parts.id;
    this.image = parts.image;
    this.memoryBytes = parts.memoryBytes;
    this.owner = parts.owner;
    this.#container = parts.container;
    this.#asked = parts.asked ?? {};
    const lifetime = new Lifetime(parts);
    this.#lifetime = lifetime;
    this.files = new SandboxFiles({ lifetime, container: parts.container });
    this.#contexts = new Contexts({
      lifetime,
      container: parts.container,
      kernelStarted: parts.kernelStarted,
      ...(parts.cells === undefined ? {} : { cells: parts.cells }),
    });
    this.packages = new SandboxPackages(lifetime, parts.container);
    this.executions = new ExecutionStore({
      sandboxId: parts.id,
      maxRunning: MAX_RUNNING_EXECUTIONS,
      onUse: () => lifetime.touch(),
      ...(parts.clock === undefined ? {} : { clock: parts.clock }),
    });
    void lifetime.ended.then(({ reason }) => {
      const error = lifetime.endError();
      if (error !== undefined) this.executions.close(reason, error);
    });
    void parts.container.ended.then(({ reason, outOfMemory }) => {
      lifetime.remove({ state: "lost", reason, oom: outOfMemory });
    });
  }

  /** True while anything is executed in it or installed into it; an interrupted cell counts until it has ended. */
  get busy(): boolean {
    return this.#contexts.busy || this.executions.running.length > 0 || this.packages.busy;
  }

  /** True as soon as it accepts no more calls. */
  get isEnding(): boolean {
    return this.#lifetime.end !== undefined;
  }

  /** Resolves when the removal of its container is confirmed. */
  get removed(): Promise<void> {
    return this.#lifetime.removed;
  }

  /** Why it must be removed now; undefined while it may stay. */
  get expiryReason(): string | undefined {
    return this.#lifetime.expiryReason(this.inUse);
  }

  /** Milliseconds since a call last used it; 0 while one does. */
  get unusedMs(): number {
    return this.inUse ? 0 : this.#lifetime.unusedMs;
  }

  /** How long it still has. */
  get timeLeft(): TimeLeft {
    const { lifetimeMs, remainingMs } = this.#lifetime;
    return { lifetimeMs, remainingMs };
  }

  /** Whether a call uses it or waits to. Unlike {@link busy}, this counts calls about files. */
  get inUse(): boolean {
    return this.busy || this.files.busy;
  }

  /** What uses it, in a few words: the tools of its running executions, else a call about files or an interrupted cell. */
  get usedBy(): string {
    const tools = new Set(this.executions.running.map(({ tool }) => tool));
    if (tools.size > 0) return [...tools].join(", ");
    return this.files.busy ? "a call about files" : "an interrupted cell";
  }

  /** Counts now as its last use. */
  touch(): void {
    this.#lifetime.touch();
  }

  /** The sandbox as a list shows it. */
  info(): SandboxInfo {
    const { end, createdAt, lastUsedAt, idleMs, endsAt } = this.#lifetime;
    return {
      sandboxId: this.id,
      state: this.#state(end),
      createdAt,
      lastUsedAt,
      idleMs,
      endsAt,
      cells: this.#contexts.count,
      asked: this.#asked,
      ...(end === undefined ? {} : { reason: end.reason }),
    };
  }

  /**
   * Runs a cell. Cells of one context run one after the other, those of different ones at the same time. The wait for another cell and for the sandbox's first kernel does not count
   * towards the timeout; an abort of the signal and the sandbox's end stop the wait.
   *
   * @param code Python source.
   * @param options Deadline, caps, cancellation.
   * @returns The outcome; a Python error, a timeout or an interrupt is an outcome, not an exception.
   * @throws {OmcpError} `invalid_argument` for a source of more than 1 MiB; `capacity` for one context too many; `sandbox_lost`, `sandbox_not_found`, `sandbox_busy`, `cancelled` (the cell did not run),
   * `kernel_unavailable`, `channel_failed`.
   */
  execute(code: string, options: ExecuteOptions): Promise<ExecutionOutcome> {
    return this.#contexts.execute(code, options);
  }

  /**
   * Goes on with a cell that an earlier server sent, from its first output on; it may have ended.
   *
   * @param options See {@link ResumeOptions}.
   */
  resume(options: ResumeOptions): Promise<ExecutionOutcome> {
    return this.#contexts.resume(options);
  }

  /**
   * Records on the container that it is handed out to its owner, so that a later server of the instance can take it over.
   *
   * @throws {OmcpError} The runtime's errors.
   */
  async recordOwner(signal: AbortSignal): Promise<void> {
    const { id, owner } = this;
    if (owner === undefined) return;
    const { createdAt, idleMs } = this.#lifetime;
    await this.#container.rename(ownedName({ id, owner, createdAt, idleMs }), { signal });
  }

  /** Ends it for this server: its container runs on until its lease expires, or until another server takes it over. */
  detach(): void {
    const reason = "the server ended, and the sandbox waits for the next one";
    this.#container.detach(reason);
    this.remove("removed", reason);
  }

  /**
   * Interrupts the cells of a context that run or wait, and starts a new kernel in it or removes it: its variables are lost, files are kept.
   *
   * @param options `signal` ends the wait for a cell that still has the kernel; a restart that was sent goes on.
   * @returns How many it interrupted.
   * @throws {OmcpError} As {@link execute}; `invalid_argument` if there is no such context.
   */
  async restartKernel(
    { context = DEFAULT_CONTEXT, remove = false, ...options }: RestartOptions = {},
  ): Promise<number> {
    const restart = new KernelRestart();
    const ofContext = this.executions.running.filter((one) => one.usesKernel && one.context === context);
    const interrupted = ofContext.filter((one) => one.interrupt(restart));
    try {
      await this.#contexts[remove ? "remove" : "restart"](context, {
        ...options,
        onStarted: () => {
          restart.sent();
          options.onStarted?.();
        },
      });
    } finally {
      restart.giveUp();
    }
    return interrupted.length;
  }

  /**
   * Lists its contexts, in the order of their creation.
   *
   * @param signal Gives up.
   * @throws {OmcpError} As {@link execute}.
   */
  listContexts(signal?: AbortSignal): Promise<readonly ContextInfo[]> {
    return this.#contexts.list(signal);
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

  #state(end: SandboxEnd | undefined): SandboxState {
    if (end === undefined) return this.busy ? "busy" : "idle";
    return this.#lifetime.isRemoved ? end.state : "removing";
  }
}
