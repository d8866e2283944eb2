/** Creates, finds, lists and removes the sandboxes of one server. Nothing that it created outlives it, unless a setting says so. */
import { OmcpError } from "../errors.ts";
import { within } from "../lib/async/deadline.ts";
import { logger } from "../observability/log.ts";
import { type ContainerSummary, Removals } from "../runtime/mod.ts";
import { adoptSandboxes } from "./adoption.ts";
import { shuttingDown } from "./creation_errors.ts";
import { type CreateOptions, type CreatorOptions, SandboxCreator } from "./creator.ts";
import type { Execution } from "./executions/execution.ts";
import type { ExecutionRecord } from "./executions/record.ts";
import { ExecutionStore } from "./executions/store.ts";
import type { PoolInfo } from "./pool.ts";
import { Expiry, EXPIRY_INTERVAL_MS } from "./expiry.ts";
import { SandboxRegistry } from "./registry.ts";
import type { Sandbox } from "./sandbox.ts";
import type { SandboxInfo, TimeLeft } from "./sandbox_info.ts";

const log = logger("sandbox");

const EVICT_UNUSED_MS = 15 * 60_000;
/** Executions that belong to no sandbox, such as creations, and may run at once. */
const MAX_RUNNING = 128;
/** How long a call waits for a removal, which continues afterwards. */
const REMOVE_WAIT_MS = 10_000;
/** {@link SandboxManager.close} ends after this long at the latest. */
const CLOSE_DEADLINE_MS = 4500;

/** What a {@link SandboxManager} needs. */
export interface SandboxManagerOptions extends CreatorOptions {
  /** How many sandboxes there may be at once. */
  readonly maxSandboxes: number;
  /** At capacity, a sandbox that no call has used for this long makes room for a new one, ms. @default 15 minutes */
  readonly evictUnusedMs?: number;
}

/** The state of a removal when its call returns. */
export interface RemovalResult {
  /** Whether the container is removed; if not, the removal continues. */
  readonly removed: boolean;
  /** Why the last attempt failed; undefined if none has. */
  readonly problem: string | undefined;
}

/** The sandboxes of one server. */
export class SandboxManager {
  /** Executions that belong to no sandbox. */
  readonly executions: ExecutionStore;
  readonly #registry: SandboxRegistry;
  readonly #removals: Removals;
  readonly #creator: SandboxCreator;
  readonly #options: SandboxManagerOptions;
  readonly #closing = new AbortController();
  #adoption: Promise<unknown> = Promise.resolve();
  readonly #expiryTimer: ReturnType<typeof setInterval>;

  /**
   * Begins without sandboxes.
   *
   * @param options See {@link SandboxManagerOptions}.
   */
  constructor(options: SandboxManagerOptions) {
    const { maxSandboxes, policy, evictUnusedMs = EVICT_UNUSED_MS } = options;
    this.#options = options;
    this.executions = new ExecutionStore({
      sandboxId: undefined,
      maxRunning: MAX_RUNNING,
      ...(options.clock === undefined ? {} : { clock: options.clock }),
    });
    this.#registry = new SandboxRegistry({
      maxSandboxes,
      // A single large one is allowed where the operator allows it, but not a second one in the place of small ones.
      get memoryBytes() {
        return Math.max(maxSandboxes * policy.memoryBytes, options.maximum?.memoryBytes ?? 0);
      },
      evictUnusedMs,
      spares: () => this.#creator.pool.spares,
    });
    this.#removals = new Removals(options.runtime);
    this.#creator = new SandboxCreator(options, {
      registry: this.#registry,
      removals: this.#removals,
      closing: this.#closing.signal,
    });
    const expiry = new Expiry(options.clock);
    this.#expiryTimer = setInterval(() => {
      expiry.expireSandboxes(this.#registry.live);
      this.#creator.pool.tick();
    }, EXPIRY_INTERVAL_MS);
  }

  /**
   * Creates a sandbox: a confined container with a Python kernel, verified before it is handed out. Where there is no room, it
   * removes the sandbox that no call has used for the longest, if that has been long enough.
   *
   * @param options See {@link CreateOptions}.
   * @returns The new sandbox.
   * @throws {OmcpError} `capacity`, `shutting_down`, `cancelled`, `timeout`, `sandbox_unsafe`, `sandbox_start_failed` or the runtime's
   * errors. Its container is removed then; until that is confirmed it counts as a sandbox.
   */
  async create(options: CreateOptions = {}): Promise<Sandbox> {
    const sandbox = await this.#creator.create(options);
    const { creations, hits } = this.pool;
    log.info("Created sandbox {id}", { id: sandbox.id, creations, poolHits: hits });
    return sandbox;
  }

  /**
   * Takes over the sandboxes of an earlier server of the instance; removes those that it cannot or must not take over.
   *
   * @param containers The instance's sandboxes. Only for the holder of the instance's lock.
   */
  adopt(containers: readonly ContainerSummary[]): void {
    this.#adoption = adoptSandboxes(containers, {
      options: this.#options,
      registry: this.#registry,
      removals: this.#removals,
      closing: this.#closing.signal,
    });
  }

  /** Resolves when {@link adopt} is done: until then a sandbox may exist that is not found. */
  get adopted(): Promise<unknown> {
    return this.#adoption;
  }

  /** The sandboxes that are started ahead, and how often there was one for a creation. */
  get pool(): PoolInfo {
    return this.#creator.pool.info;
  }

  /**
   * Finds a sandbox that accepts calls, and counts now as its last use.
   *
   * @param sandboxId The handle that `create` gave.
   * @throws {OmcpError} `sandbox_not_found`, or `sandbox_lost` or `out_of_memory` if it ended by itself.
   */
  get(sandboxId: string): Sandbox {
    return this.#registry.get(sandboxId);
  }

  /**
   * How long a sandbox still has; undefined if it accepts no calls.
   *
   * @param sandboxId Its handle.
   */
  timeLeft(sandboxId: string): TimeLeft | undefined {
    const sandbox = this.#registry.live.find(({ id }) => id === sandboxId);
    return sandbox === undefined || sandbox.isEnding ? undefined : sandbox.timeLeft;
  }

  /**
   * Finds an execution, whether or not it belongs to a sandbox.
   *
   * @param id Its id.
   * @param owner The caller's principal: another's execution is not found.
   * @returns The execution, or its record alone if it is an old one.
   * @throws {OmcpError} `execution_not_found`; `execution_lost` if its sandbox has ended.
   */
  findExecution(id: string, owner: string): Execution | ExecutionRecord {
    const found = this.executions.find(id, owner) ?? this.#registry.findExecution(id, owner);
    if (found !== undefined) return found;
    throw new OmcpError("execution_not_found", `There is no execution ${id}`, {
      next: "list_sandboxes with sandbox_id lists them; a server keeps a bounded number of them.",
    });
  }

  /**
   * Lists sandboxes, oldest first.
   *
   * @param includeInactive Also recently ended ones. @default false
   */
  list(includeInactive = false): SandboxInfo[] {
    return this.#registry.list(includeInactive);
  }

  /**
   * Removes a sandbox with all its variables and files. A removal that fails is retried until it succeeds; a further call waits for it.
   *
   * @param sandboxId Its handle.
   * @param options `force`: also while a call uses it. `waitMs`: how long to wait for the removal, at most ten seconds.
   * @returns Whether it was removed within that time.
   * @throws {OmcpError} `sandbox_not_found`; `sandbox_busy` without force while a call uses it.
   */
  async remove(
    sandboxId: string,
    { force = false, waitMs = REMOVE_WAIT_MS }: { readonly force?: boolean; readonly waitMs?: number } = {},
  ): Promise<RemovalResult> {
    const sandbox = this.#registry.find(sandboxId);
    if (sandbox.inUse && !sandbox.isEnding && !force) {
      throw new OmcpError("sandbox_busy", `Sandbox ${sandboxId} is in use: ${sandbox.usedBy} runs`, {
        state: "It was not removed; what runs continues.",
        next: "Wait for it to end, or call remove_sandbox with force: true.",
      });
    }
    const removal = sandbox.remove("removed", "it was removed on request");
    await within(sandbox.removed, Math.min(waitMs, REMOVE_WAIT_MS));
    return { removed: removal.isRemoved, problem: removal.problem };
  }

  /**
   * Removes every sandbox and creates no more. It ends within five seconds; the log names what is not removed then. Idempotent.
   *
   * @param options `detach`: sandboxes that have an owner stay for the instance's next server, until their leases expire.
   */
  async close({ detach = false }: { readonly detach?: boolean } = {}): Promise<void> {
    clearInterval(this.#expiryTimer);
    this.#closing.abort(shuttingDown());
    this.executions.close("the server ended", shuttingDown());
    // Aborted: it ends soon, and leaves what it has not taken over to the next server.
    await this.#adoption;
    for (const sandbox of this.#registry.live) {
      if (detach && sandbox.owner !== undefined && !sandbox.isEnding) sandbox.detach();
      else sandbox.remove("removed", "the server ended");
    }
    await within(this.#allRemoved(), CLOSE_DEADLINE_MS);
    this.#removals.close();
    for (const name of this.#removals.names) {
      log.error("Cannot remove container {name}: it ends when its lease expires", { name });
    }
  }

  async #allRemoved(): Promise<void> {
    await Promise.all([this.#creator.close(), this.#removals.allRemoved()]);
    // Aborted creations have added removals.
    await this.#removals.allRemoved();
  }
}
