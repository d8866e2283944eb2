/** Creates, finds, lists and removes the sandboxes of one server; nothing that it created outlives it. */
import { OmcpError } from "../errors.ts";
import { abortable } from "../lib/async/abortable.ts";
import { DeadlineSignal, within } from "../lib/async/deadline.ts";
import { Semaphore } from "../lib/async/semaphore.ts";
import { readableDuration } from "../lib/duration.ts";
import { logger } from "../observability/log.ts";
import { Removals } from "../runtime/mod.ts";
import type { Execution } from "./executions/execution.ts";
import type { ExecutionRecord } from "./executions/record.ts";
import { ExecutionStore } from "./executions/store.ts";
import { Expiry, EXPIRY_INTERVAL_MS } from "./expiry.ts";
import { containerName, createSandbox, newSandboxId, type SandboxSettings } from "./factory.ts";
import type { Eviction } from "./eviction.ts";
import { type Reservation, SandboxRegistry } from "./registry.ts";
import { requestedPolicy, type ResourceMaximum } from "./resources.ts";
import type { AskedResources, Sandbox, SandboxInfo } from "./sandbox.ts";
import type { SandboxPolicy } from "./policy.ts";

const log = logger("sandbox");

/** An engine slows down when many containers start at once; further creations wait in order. */
const CREATIONS_AT_ONCE = 2;
const MAX_WAITING_CREATIONS = 100;
const EVICT_UNUSED_MS = 15 * 60_000;
/** How long a creation may take, including the wait for others. */
const CREATE_DEADLINE_MS = 60_000;
/** Executions that belong to no sandbox, such as creations, and may run at once. */
const MAX_RUNNING = 128;
/** How long a call waits for a removal, which continues afterwards. */
const REMOVE_WAIT_MS = 10_000;
/** {@link SandboxManager.close} ends after this long at the latest. */
const CLOSE_DEADLINE_MS = 4500;

/** What a {@link SandboxManager} needs. */
export interface SandboxManagerOptions extends SandboxSettings {
  /** How many sandboxes there may be at once. */
  readonly maxSandboxes: number;
  /** Default idle time after which a sandbox expires, ms. */
  readonly idleMs: number;
  /** At capacity, a sandbox that no call has used for this long makes room for a new one, ms. @default 15 minutes */
  readonly evictUnusedMs?: number;
  /** The most that a caller may ask for. @default what the policy gives */
  readonly maximum?: ResourceMaximum;
  /** Images that a caller may choose besides the default one. @default none */
  readonly images?: readonly string[];
  /**
   * Finds an image by name and returns what the runtime is given, such as its id. Throws `image_missing`. @default the name itself
   */
  readonly findImage?: (name: string, signal: AbortSignal) => Promise<string>;
}

/** How a sandbox is created. */
export interface CreateOptions extends AskedResources {
  /** Idle time after which it expires, ms. @default the manager's */
  readonly idleMs?: number;
  /** Cancels the creation. */
  readonly signal?: AbortSignal;
  /** Called when another sandbox is being removed to make room, before the creation begins. */
  readonly onEvict?: (eviction: Eviction) => void;
}

/** The state of a removal when its call returns. */
export interface RemovalResult {
  /** Whether the container is removed; if not, the removal continues. */
  readonly removed: boolean;
  /** Why the last attempt failed; undefined where none has. */
  readonly problem: string | undefined;
}

/** What a sandbox is to be. */
interface CreationPlan {
  readonly policy: SandboxPolicy;
  /** What the runtime is given. */
  readonly image: string;
  readonly imageName: string;
  readonly idleMs: number;
  readonly asked: AskedResources;
}

/** The sandboxes of one server. */
export class SandboxManager {
  /** Executions that belong to no sandbox. */
  readonly executions: ExecutionStore;
  readonly #options: SandboxManagerOptions;
  readonly #registry: SandboxRegistry;
  readonly #removals: Removals;
  readonly #creations = new Semaphore(CREATIONS_AT_ONCE, MAX_WAITING_CREATIONS);
  readonly #inFlight = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  readonly #expiryTimer: ReturnType<typeof setInterval>;

  /**
   * Begins without sandboxes.
   *
   * @param options See {@link SandboxManagerOptions}.
   */
  constructor(options: SandboxManagerOptions) {
    this.#options = options;
    const { maxSandboxes, policy, evictUnusedMs = EVICT_UNUSED_MS } = options;
    this.executions = new ExecutionStore({
      sandboxId: undefined,
      maxRunning: MAX_RUNNING,
      ...(options.clock === undefined ? {} : { clock: options.clock }),
    });
    this.#registry = new SandboxRegistry({
      maxSandboxes,
      // A single large one is allowed where the operator allows it, but not a second one in the place of small ones.
      memoryBytes: Math.max(maxSandboxes * policy.memoryBytes, options.maximum?.memoryBytes ?? 0),
      evictUnusedMs,
    });
    this.#removals = new Removals(options.runtime);
    const expiry = new Expiry(options.clock);
    this.#expiryTimer = setInterval(() => expiry.expireSandboxes(this.#registry.live), EXPIRY_INTERVAL_MS);
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
    if (this.#closing.signal.aborted) throw shuttingDown();
    const signals = [this.#closing.signal, ...(options.signal === undefined ? [] : [options.signal])];
    using deadline = new DeadlineSignal(CREATE_DEADLINE_MS, AbortSignal.any(signals));
    // Before anything is done, above all before another sandbox is removed.
    const plan = await this.#plan(options, deadline.signal);
    if (this.#closing.signal.aborted) throw shuttingDown();
    const reservation = this.#registry.reserve(plan.policy.memoryBytes);
    if (reservation.evicted !== undefined) options.onEvict?.(reservation.evicted);
    const id = newSandboxId();
    const creation = this.#create({ ...plan, id, room: reservation.ready, signal: deadline.signal });
    this.#inFlight.add(creation);
    try {
      const sandbox = await creation;
      this.#registry.add(sandbox, reservation.slot);
      if (this.#closing.signal.aborted) {
        sandbox.remove("removed", "the server ended");
        throw shuttingDown();
      }
      log.info("Created sandbox {id}", { id });
      return sandbox;
    } catch (error) {
      const state = this.#rollBack(containerName(id), reservation);
      if (this.#closing.signal.aborted) throw shuttingDown();
      if (options.signal?.aborted) {
        throw new OmcpError("cancelled", "The call was cancelled", { state, cause: error });
      }
      throw creationError(error, state, deadline.expired);
    } finally {
      this.#inFlight.delete(creation);
    }
  }

  /**
   * Finds a sandbox that accepts calls, and counts now as its last use.
   *
   * @param sandboxId The handle that `create` gave.
   * @throws {OmcpError} `sandbox_not_found`, or `sandbox_lost` or `out_of_memory` where it ended by itself.
   */
  get(sandboxId: string): Sandbox {
    return this.#registry.get(sandboxId);
  }

  /**
   * How long a sandbox still has, in milliseconds; undefined where it accepts no calls.
   *
   * @param sandboxId Its handle.
   */
  remainingMs(sandboxId: string): number | undefined {
    const sandbox = this.#registry.live.find(({ id }) => id === sandboxId);
    return sandbox === undefined || sandbox.isEnding ? undefined : sandbox.remainingMs;
  }

  /**
   * Finds an execution, of any sandbox or of none.
   *
   * @param id Its id.
   * @param owner The caller's principal: another's execution is not found.
   * @returns The execution, or its record alone where it is an old one.
   * @throws {OmcpError} `execution_not_found`; `execution_lost` where its sandbox has ended.
   */
  findExecution(id: string, owner: string): Execution | ExecutionRecord {
    const found = this.executions.find(id, owner) ?? this.#registry.findExecution(id, owner);
    if (found !== undefined) return found;
    throw new OmcpError("execution_not_found", `There is no execution ${id}`, {
      next: "See list_executions; a server keeps a bounded number of them.",
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
   * @param force Also while a cell runs. @default false
   * @returns Whether it was removed within ten seconds.
   * @throws {OmcpError} `sandbox_not_found`; `sandbox_busy` without force while a cell runs.
   */
  async remove(sandboxId: string, force = false): Promise<RemovalResult> {
    const sandbox = this.#registry.find(sandboxId);
    if (sandbox.busy && !sandbox.isEnding && !force) {
      throw new OmcpError("sandbox_busy", `Sandbox ${sandboxId} is running a cell`, {
        state: "It was not removed; the cell continues.",
        next: "Wait for the cell to end, or call remove_sandbox with force: true.",
      });
    }
    const removal = sandbox.remove("removed", "it was removed on request");
    await within(sandbox.removed, REMOVE_WAIT_MS);
    return { removed: removal.isRemoved, problem: removal.problem };
  }

  /** Removes every sandbox and creates no more. It ends within five seconds; the log names what is not removed then. Idempotent. */
  async close(): Promise<void> {
    clearInterval(this.#expiryTimer);
    this.#closing.abort(shuttingDown());
    this.executions.close("the server ended", shuttingDown());
    for (const sandbox of this.#registry.live) sandbox.remove("removed", "the server ended");
    await within(this.#allRemoved(), CLOSE_DEADLINE_MS);
    this.#removals.close();
    for (const name of this.#removals.names) {
      log.error("Cannot remove container {name}: it ends when its lease expires", { name });
    }
  }

  async #allRemoved(): Promise<void> {
    await Promise.all([Promise.allSettled(this.#inFlight), this.#removals.allRemoved()]);
    // Aborted creations have added removals.
    await this.#removals.allRemoved();
  }

  /** What a caller's options come to; throws where they are not allowed. */
  async #plan(options: CreateOptions, signal: AbortSignal): Promise<CreationPlan> {
    const { policy, maximum = policy, image: imageName, images = [], findImage } = this.#options;
    const { memoryBytes, cpus, image } = options;
    if (image !== undefined && image !== imageName && !images.includes(image)) {
      throw new OmcpError("invalid_argument", `image must be one of ${[imageName, ...images].join(", ")}`, {
        state: "No sandbox was created.",
        next: "Choose one of these, or leave image out.",
      });
    }
    const name = image ?? imageName;
    const asked = {
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
      ...(cpus === undefined ? {} : { cpus }),
    };
    return {
      policy: requestedPolicy(policy, asked, maximum),
      image: findImage === undefined ? name : await findImage(name, signal),
      imageName: name,
      idleMs: options.idleMs ?? this.#options.idleMs,
      asked: { ...asked, ...(image === undefined ? {} : { image }) },
    };
  }

  async #create({ room, ...options }: CreationPlan & {
    readonly id: string;
    readonly room: Promise<void>;
    readonly signal: AbortSignal;
  }): Promise<Sandbox> {
    await abortable(room, options.signal);
    using _permit = await this.#creations.acquire(options.signal);
    return await createSandbox({ ...this.#options, removals: this.#removals, ...options });
  }

  /** Releases the slot of a failed creation when there is nothing that it counts; returns a sentence on what remains. */
  #rollBack(name: string, { slot, ready, evicted }: Reservation): string {
    const removal = this.#removals.of(name);
    // At once where it can be: the caller may try again at once.
    if (removal === undefined && evicted === undefined) slot.release();
    else void Promise.all([ready, removal?.removed]).then(() => slot.release());
    const lost = evicted === undefined
      ? ""
      : ` Sandbox ${evicted.sandboxId} had been removed for it, after ${
        readableDuration(evicted.unusedMs)
      } without a call.`;
    return removal === undefined
      ? `No sandbox was created; nothing was left behind.${lost}`
      : `No sandbox was created. Container ${name} is being removed; until it is, it counts as a sandbox.${lost}`;
  }
}

/** The error of a failed creation, with what remains of it. */
function creationError(error: unknown, state: string, expired: boolean): unknown {
  if (expired) {
    return new OmcpError("timeout", `Creating a sandbox timed out after ${CREATE_DEADLINE_MS / 1000} s`, {
      state,
      next: "The engine is busy, slow or hangs; try again.",
      cause: error,
    });
  }
  return error instanceof OmcpError ? error.with({ state }) : error;
}

function shuttingDown(): OmcpError {
  return new OmcpError("shutting_down", "The server is shutting down", { state: "No sandbox was created." });
}
