/** Makes, finds, lists and removes sandboxes; nothing it made outlives it. */
import type { ByteStream } from "../lib/byte_stream.ts";
import { DeadlineSignal, within } from "../lib/async/deadline.ts";
import { OmcpError } from "../errors.ts";
import { type ContainerRuntime, Removals } from "../runtime/mod.ts";
import { logger } from "../observability/log.ts";
import { containerName, makeSandbox, newSandboxId } from "./factory.ts";
import type { SandboxPolicy } from "./policy.ts";
import { Sandbox, type SandboxInfo } from "./sandbox.ts";
import { Semaphore } from "../lib/async/semaphore.ts";

const log = logger("sandbox");

/** Engines get slow when many containers start at once; the rest wait in order. */
const CREATIONS_AT_ONCE = 2;
const CREATIONS_WAITING = 100;
/** How long a call may wait in that queue, and for its container, before it gives up. */
const CREATE_DEADLINE_MS = 60_000;
/** Ended sandboxes remembered for `include_inactive` and for good error texts. */
const REMEMBERED = 200;
const EXPIRE_EVERY_MS = 1000;
/** How long a removal is waited for; it goes on afterwards. */
const REMOVE_ANSWER_MS = 10_000;
/** Everything is gone by this long after {@link SandboxManager.close} was called. */
const CLOSE_DEADLINE_MS = 4500;

/** What a {@link SandboxManager} needs. */
export interface SandboxManagerOptions {
  readonly runtime: ContainerRuntime;
  /** This server's random id. */
  readonly instance: string;
  readonly image: string;
  readonly policy: SandboxPolicy;
  readonly maxSandboxes: number;
  readonly idleMs: number;
  readonly lifetimeMs: number;
  readonly leaseSeconds: number;
  /** Connects one sandbox to the database: it takes each stream that the sandbox opens towards Postgres. Absent: there is no database. */
  readonly postgresConnections?: (sandboxId: string) => (stream: ByteStream) => void;
}

/** What came of a removal by the time that it had to be answered. */
export interface RemovalAnswer {
  /** Whether the container is gone; if not, the removal goes on. */
  readonly gone: boolean;
  /** What the last attempt failed with. */
  readonly problem: string | undefined;
}

/** The sandboxes of one server. */
export class SandboxManager {
  readonly #options: SandboxManagerOptions;
  /** By handle, until their containers are known to be gone. */
  readonly #live = new Map<string, Sandbox>();
  readonly #gone = new Map<string, SandboxInfo>();
  readonly #creations = new Semaphore(CREATIONS_AT_ONCE, CREATIONS_WAITING);
  readonly #closing = new AbortController();
  readonly #inFlight = new Set<Promise<unknown>>();
  readonly #removals: Removals;
  readonly #expiry: ReturnType<typeof setInterval>;
  #lastExpiry = performance.now();
  #places = 0;

  constructor(options: SandboxManagerOptions) {
    this.#options = options;
    this.#removals = new Removals(options.runtime);
    this.#expiry = setInterval(() => this.#expire(), EXPIRE_EVERY_MS);
  }

  /**
   * Makes a sandbox: a confined container with a Python kernel, checked from inside before it is handed out.
   *
   * @param options `idleMs`: idle time before removal; `signal`: gives the creation up and rolls it back.
   * @returns The new sandbox.
   * @throws {OmcpError} `capacity`, `shutting_down`, `cancelled`, `timeout`, `sandbox_unsafe`, `sandbox_start_failed` or the engine's errors;
   * nothing remains then, or its removal goes on and it counts until it is gone.
   */
  async create(options: { idleMs?: number; signal?: AbortSignal } = {}): Promise<Sandbox> {
    if (this.#closing.signal.aborted) throw shuttingDown();
    if (this.#places >= this.#options.maxSandboxes) throw this.#capacity();
    this.#places += 1;
    const id = newSandboxId();
    const signals = [this.#closing.signal, ...(options.signal === undefined ? [] : [options.signal])];
    using deadline = new DeadlineSignal(CREATE_DEADLINE_MS, AbortSignal.any(signals));
    const creation = this.#create(id, options.idleMs ?? this.#options.idleMs, deadline.signal);
    this.#inFlight.add(creation);
    try {
      const sandbox = await creation;
      void sandbox.ended.then((end) => void sandbox.remove("lost", end.reason, end.outOfMemory));
      void sandbox.gone.then(() => this.#forget(sandbox));
      return sandbox;
    } catch (error) {
      const state = this.#rolledBack(containerName(id));
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
   * Finds a live sandbox.
   *
   * @param sandboxId The handle that `create` gave.
   * @throws {OmcpError} `sandbox_not_found`, or `sandbox_lost` where it ended by itself.
   */
  get(sandboxId: string): Sandbox {
    const sandbox = this.#live.get(sandboxId);
    if (sandbox !== undefined) {
      sandbox.throwIfEnded();
      return sandbox;
    }
    const gone = this.#gone.get(sandboxId);
    if (gone?.state === "lost") {
      throw new OmcpError(
        "sandbox_lost",
        `Sandbox ${sandboxId} is lost: ${gone.reason ?? "its container ended"}`,
        {
          state: "Its variables and files are gone.",
          next: "Create a new sandbox with create_sandbox.",
        },
      );
    }
    throw new OmcpError(
      "sandbox_not_found",
      gone === undefined
        ? `There is no sandbox ${sandboxId}`
        : `Sandbox ${sandboxId} has been removed: ${gone.reason}`,
      { next: "See list_sandboxes, or create a new one with create_sandbox." },
    );
  }

  /**
   * Lists sandboxes, oldest first.
   *
   * @param includeInactive Those that ended, too (the last {@link REMEMBERED}).
   */
  list(includeInactive = false): SandboxInfo[] {
    const live = [...this.#live.values()].map((sandbox) => sandbox.info());
    return includeInactive ? [...this.#gone.values(), ...live] : live;
  }

  /**
   * Removes a sandbox and everything in it. A removal that fails goes on until the container is gone; a further call waits with it.
   *
   * @param sandboxId Its handle.
   * @param force Also while a cell runs.
   * @returns Whether it is gone, by ten seconds at the latest.
   * @throws {OmcpError} `sandbox_not_found`; `sandbox_busy` without force while a cell runs.
   */
  async remove(sandboxId: string, force = false): Promise<RemovalAnswer> {
    const sandbox = this.#live.get(sandboxId) ?? this.get(sandboxId);
    if (sandbox.busy && !sandbox.isEnding && !force) {
      throw new OmcpError("sandbox_busy", `Sandbox ${sandboxId} is running a cell`, {
        state: "It was not removed; the cell goes on.",
        next: "Wait for the cell to end, or call remove_sandbox with force: true.",
      });
    }
    const removal = sandbox.remove("removed", "it was removed on request");
    await within(sandbox.gone, REMOVE_ANSWER_MS);
    return { gone: removal.isRemoved, problem: removal.problem };
  }

  /** Removes every sandbox and makes no more; everything is gone within five seconds, or is named in the log. Idempotent. */
  async close(): Promise<void> {
    clearInterval(this.#expiry);
    this.#closing.abort(shuttingDown());
    for (const sandbox of this.#live.values()) sandbox.remove("removed", "the server ended");
    await within(this.#allGone(), CLOSE_DEADLINE_MS);
    this.#removals.close();
    for (const name of this.#removals.names) {
      log.error("Container {name} could not be removed: it ends by its lease", { name });
    }
  }

  async #allGone(): Promise<void> {
    // Creations that are given up now have removals of their own.
    await Promise.all([Promise.allSettled(this.#inFlight), this.#removals.allRemoved()]);
    await this.#removals.allRemoved();
  }

  async #create(id: string, idleMs: number, signal: AbortSignal): Promise<Sandbox> {
    using _permit = await this.#creations.acquire(signal);
    const sandbox = await makeSandbox({ ...this.#options, removals: this.#removals, id, idleMs, signal });
    this.#live.set(id, sandbox);
    log.info("Created sandbox {id}", { id });
    return sandbox;
  }

  /** Frees the place of a creation that failed, when its container is gone; says what remains. */
  #rolledBack(name: string): string {
    const removal = this.#removals.of(name);
    if (removal === undefined) {
      this.#places -= 1;
      return "No sandbox was made; nothing was left behind.";
    }
    void removal.removed.then(() => this.#places -= 1);
    return `No sandbox was made. Container ${name} is being removed: this is tried until it is gone, and it counts as a sandbox until then.`;
  }

  #expire(): void {
    const now = performance.now();
    // After a standstill of this process the calls that wait are read first.
    const late = now - this.#lastExpiry > 2 * EXPIRE_EVERY_MS;
    this.#lastExpiry = now;
    if (late) return;
    for (const sandbox of this.#live.values()) {
      const due = sandbox.due;
      if (due !== undefined) sandbox.remove("expired", due);
    }
  }

  #forget(sandbox: Sandbox): void {
    if (!this.#live.delete(sandbox.id)) return;
    this.#places -= 1;
    const info = sandbox.info();
    this.#gone.set(sandbox.id, info);
    for (const id of this.#gone.keys()) {
      if (this.#gone.size <= REMEMBERED) break;
      this.#gone.delete(id);
    }
    log.info("Sandbox {id} is gone: {reason}", { id: sandbox.id, reason: info.reason ?? "" });
  }

  #capacity(): OmcpError {
    const { maxSandboxes: maximum } = this.#options;
    const removing = [...this.#live.values()].filter(({ isEnding }) => isEnding).length;
    return new OmcpError("capacity", `Cannot create a sandbox: at most ${maximum} may live at once`, {
      state: `The others are untouched.${
        removing === 0 ? "" : ` ${removing} of them ${removing === 1 ? "is" : "are"} being removed.`
      }`,
      next: "Remove one with remove_sandbox, or wait until an idle one expires.",
      details: { maximum },
    });
  }
}

/** A failed creation's error, with what really remains. */
function creationError(error: unknown, state: string, late: boolean): unknown {
  if (late) {
    return new OmcpError("timeout", `No sandbox could be made within ${CREATE_DEADLINE_MS / 1000} s`, {
      state,
      next: "The engine is busy, slow or hangs; try again.",
      cause: error,
    });
  }
  return error instanceof OmcpError ? error.with({ state }) : error;
}

function shuttingDown(): OmcpError {
  return new OmcpError("shutting_down", "The server is ending", { state: "Nothing was made." });
}
