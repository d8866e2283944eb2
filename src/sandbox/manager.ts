/** Makes, finds, lists and removes sandboxes; nothing it made outlives it. */
import type { ByteStream } from "../lib/byte_stream.ts";
import { OmcpError } from "../errors.ts";
import { LOADER } from "../guest/mod.ts";
import { type ContainerHost, labelsOf, startWithOwnUid } from "../runtime/mod.ts";
import { logger } from "../observability/log.ts";
import { VERSION } from "../version.ts";
import { KernelWatch } from "./kernel_watch.ts";
import { sandboxContainerSpec, type SandboxPolicy, verifyInForce } from "./policy.ts";
import { Sandbox, type SandboxInfo } from "./sandbox.ts";
import { Turnstile } from "./turnstile.ts";

const log = logger("sandbox");

/** Engines get slow when many containers start at once; the rest wait in order. */
const CREATIONS_AT_ONCE = 2;
const CREATIONS_WAITING = 100;
/** How long a call may wait in that queue, and for its container, before it gives up. */
const CREATE_DEADLINE_MS = 60_000;
/** Ended sandboxes remembered for `include_inactive` and for good error texts. */
const REMEMBERED = 200;
const REAP_EVERY_MS = 1000;
/** Everything is gone by this long after {@link SandboxManager.close} was called. */
const CLOSE_DEADLINE_MS = 4500;

/** Heavy modules that the zygote imports ahead; those an image lacks are skipped. */
const PRELOAD = ["numpy", "pandas", "matplotlib", "matplotlib.pyplot", "psycopg"];

/** What a {@link SandboxManager} needs. */
export interface SandboxManagerOptions {
  readonly host: ContainerHost;
  /** This server's random id. */
  readonly instance: string;
  readonly image: string;
  readonly policy: SandboxPolicy;
  readonly maxSandboxes: number;
  readonly idleMs: number;
  readonly lifetimeMs: number;
  readonly leaseSeconds: number;
  /** Makes the door of one sandbox: it takes each stream that the sandbox opens towards Postgres. Absent: there is no database. */
  readonly postgresDoor?: (sandboxId: string) => (stream: ByteStream) => void;
}

/** The sandboxes of one server. */
export class SandboxManager {
  readonly #options: SandboxManagerOptions;
  readonly #live = new Map<string, Sandbox>();
  readonly #gone = new Map<string, SandboxInfo>();
  readonly #creations = new Turnstile(CREATIONS_AT_ONCE, CREATIONS_WAITING);
  readonly #closing = new AbortController();
  readonly #inFlight = new Set<Promise<unknown>>();
  readonly #reaper: ReturnType<typeof setInterval>;
  #places = 0;

  constructor(options: SandboxManagerOptions) {
    this.#options = options;
    this.#reaper = setInterval(() => this.#reap(), REAP_EVERY_MS);
  }

  /**
   * Makes a sandbox: a confined container with a Python kernel, checked from inside before it is handed out.
   *
   * @param options `idleMs`: idle time before removal; `signal`: gives the creation up and rolls it back.
   * @returns The new sandbox.
   * @throws {OmcpError} `capacity`, `shutting_down`, `cancelled`, `sandbox_unsafe`, `sandbox_start_failed` or the engine's errors; nothing remains then.
   */
  async create(options: { idleMs?: number; signal?: AbortSignal } = {}): Promise<Sandbox> {
    if (this.#closing.signal.aborted) throw shuttingDown();
    if (this.#places >= this.#options.maxSandboxes) throw capacity(this.#options.maxSandboxes);
    this.#places += 1;
    const signals = [this.#closing.signal, AbortSignal.timeout(CREATE_DEADLINE_MS)];
    if (options.signal !== undefined) signals.push(options.signal);
    const creation = this.#create(options.idleMs ?? this.#options.idleMs, AbortSignal.any(signals));
    this.#inFlight.add(creation);
    try {
      const sandbox = await creation;
      void sandbox.ended.then((end) => this.#ended(sandbox, end.reason, end.outOfMemory));
      return sandbox;
    } catch (error) {
      this.#places -= 1;
      if (this.#closing.signal.aborted) throw shuttingDown();
      if (options.signal?.aborted) {
        throw new OmcpError("cancelled", "The call was cancelled", {
          state: "No sandbox was made.",
          cause: error,
        });
      }
      if (error instanceof DOMException && error.name === "TimeoutError") {
        throw new OmcpError("timeout", `No sandbox could be made within ${CREATE_DEADLINE_MS / 1000} s`, {
          state: "Nothing was left behind.",
          next: "The engine is busy or slow; try again.",
          cause: error,
        });
      }
      throw error;
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
   * Removes a sandbox and everything in it.
   *
   * @param sandboxId Its handle.
   * @param force Also while a cell runs.
   * @throws {OmcpError} `sandbox_not_found`; `sandbox_busy` without force while a cell runs.
   */
  async remove(sandboxId: string, force = false): Promise<void> {
    const sandbox = this.get(sandboxId);
    if (sandbox.busy && !force) {
      throw new OmcpError("sandbox_busy", `Sandbox ${sandboxId} is running a cell`, {
        state: "It was not removed; the cell goes on.",
        next: "Wait for the cell to end, or call remove_sandbox with force: true.",
      });
    }
    await sandbox.remove("removed", "it was removed on request");
    this.#forget(sandbox);
  }

  /** Removes every sandbox and makes no more; everything is gone within five seconds. Idempotent. */
  async close(): Promise<void> {
    clearInterval(this.#reaper);
    this.#closing.abort(shuttingDown());
    const removals = [...this.#live.values()].map((sandbox) => sandbox.remove("removed", "the server ended"));
    const deadline = Promise.withResolvers<void>();
    const timer = setTimeout(deadline.resolve, CLOSE_DEADLINE_MS);
    await Promise.race([Promise.allSettled([...removals, ...this.#inFlight]), deadline.promise]);
    clearTimeout(timer);
  }

  async #create(idleMs: number, signal: AbortSignal): Promise<Sandbox> {
    const leave = await this.#creations.enter(signal);
    try {
      const id = newSandboxId();
      const { policy, leaseSeconds, postgresDoor, instance, host, image } = this.#options;
      const watch = new KernelWatch();
      const { container, uid } = await startWithOwnUid((uid) => ({
        host,
        name: `omcp-${id}`,
        spec: sandboxContainerSpec(policy, {
          image,
          uid,
          labels: labelsOf({ instance, role: "sandbox", name: id, version: VERSION, uid }),
          env: sandboxEnvironment(postgresDoor !== undefined),
          command: ["python3", "-I", "-S", "-u", "-c", LOADER],
        }),
        config: {
          mode: "sandbox",
          lease_seconds: leaseSeconds,
          services: postgresDoor === undefined ? [] : ["postgres"],
          kernel: { preload: PRELOAD },
        },
        services: postgresDoor === undefined ? {} : { postgres: postgresDoor(id) },
        onEvent: (event) => watch.take(event),
        signal,
      }));
      try {
        const deviations = [
          ...verifyInForce(policy, uid, container.channel.hello),
          ...await watch.confinementProblems(signal),
        ];
        if (deviations.length > 0) throw unsafe(deviations);
        const sandbox = new Sandbox({
          id,
          container,
          idleMs,
          lifetimeMs: this.#options.lifetimeMs,
          kernelStarted: watch.started,
        });
        this.#live.set(id, sandbox);
        log.info("Created sandbox {id}", { id });
        return sandbox;
      } catch (error) {
        await container.remove("its creation failed");
        throw error;
      }
    } finally {
      leave();
    }
  }

  #reap(): void {
    for (const sandbox of this.#live.values()) {
      const due = sandbox.due;
      if (due === undefined) continue;
      sandbox.remove("expired", due).catch((error: unknown) => {
        log.error("Cannot remove expired sandbox {id}", { id: sandbox.id, error: String(error) });
      });
    }
  }

  #ended(sandbox: Sandbox, reason: string, oom: boolean): void {
    // Where it was removed on purpose, that reason stands already and this one is ignored.
    void sandbox.remove("lost", reason, oom).catch(() => {});
    this.#forget(sandbox);
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
}

/** What the user of every sandbox is called; its number differs. */
const USER_NAME = "sandbox";

/** 128 random bits: nobody guesses another's sandbox. */
function newSandboxId(): string {
  return `sbx_${crypto.getRandomValues(new Uint8Array(16)).toHex()}`;
}

function sandboxEnvironment(database: boolean): Record<string, string> {
  return {
    HOME: "/tmp/home",
    // Libraries ask for these before they ask the password file, which may know nothing of a sandbox's user.
    USER: USER_NAME,
    LOGNAME: USER_NAME,
    IPYTHONDIR: "/tmp/ipython",
    MPLCONFIGDIR: "/tmp/matplotlib",
    LANG: "C.UTF-8",
    ...(database ? { PGHOST: "/run/postgresql", PGUSER: "omop", PGDATABASE: "cdm" } : {}),
  };
}

function capacity(maximum: number): OmcpError {
  return new OmcpError("capacity", `Cannot create a sandbox: at most ${maximum} may live at once`, {
    state: "The others are untouched.",
    next: "Remove one with remove_sandbox, or wait until an idle one expires.",
    details: { maximum },
  });
}

function shuttingDown(): OmcpError {
  return new OmcpError("shutting_down", "The server is ending", { state: "Nothing was made." });
}

function unsafe(deviations: readonly string[]): OmcpError {
  return new OmcpError(
    "sandbox_unsafe",
    `The new sandbox was not confined as the policy says: ${deviations.join("; ")}`,
    {
      state: "It has been removed; no code was run.",
      next: "This is for the operator: run `omcp doctor` on the machine of the engine.",
      details: { deviations },
    },
  );
}
