/** Creates sandboxes: checks what the caller asks for, makes room, starts a container, and prepares its content. */
import { OmcpError } from "../errors.ts";
import { abortable } from "../lib/async/abortable.ts";
import { DeadlineSignal } from "../lib/async/deadline.ts";
import { Semaphore } from "../lib/async/semaphore.ts";
import { readableDuration } from "../lib/duration.ts";
import type { Removals } from "../runtime/mod.ts";
import { creationError, shuttingDown } from "./creation_errors.ts";
import type { Eviction } from "./eviction.ts";
import { newSandboxId, type SandboxSettings, type StartedSandbox, startSandbox } from "./factory.ts";
import type { RecordResumed } from "./executions/restore.ts";
import { GuestCode } from "./guest_code.ts";
import { containerName } from "./ownership.ts";
import type { SandboxPolicy } from "./policy.ts";
import { type Launch, SandboxPool } from "./pool.ts";
import { preload, Preloads } from "./preloads.ts";
import type { Reservation, SandboxRegistry } from "./registry.ts";
import { requestedPolicy, type ResourceMaximum } from "./resources.ts";
import { Sandbox } from "./sandbox.ts";
import type { AskedResources } from "./sandbox_info.ts";

/** An engine slows down when many containers start at once; further creations wait in order. */
const CREATIONS_AT_ONCE = 2;
const MAX_WAITING_CREATIONS = 100;
/** How long the creation of a container may take, including the wait for others. */
const CREATE_DEADLINE_MS = 60_000;
/** How long a creation whose preparation failed waits for the removal, which continues afterwards. */
const ROLLBACK_MS = 5000;

/** What creations have in common. */
export interface CreatorOptions extends SandboxSettings {
  /** Default idle time after which a sandbox expires, ms. */
  readonly idleMs: number;
  /** Whether a later server of the instance may take its sandboxes over: their owners are recorded in the runtime. @default false */
  readonly outlivesServer?: boolean;
  /** Records executions of an earlier server that go on under this one. @default they are not recorded */
  readonly recordResumed?: RecordResumed;
  /** The most that a caller may ask for, read at each creation after the image was found. @default what the policy gives */
  readonly maximum?: ResourceMaximum;
  /** Images that a caller may choose besides the default one. @default none */
  readonly images?: readonly string[];
  /**
   * Finds an image by name; returns the reference to pass to the runtime, such as its id. Throws `image_missing`. @default the name itself
   */
  readonly findImage?: (name: string, signal: AbortSignal) => Promise<string>;
  /** Whether the guest's modules are compiled once for all sandboxes of an image. @default false: each compiles them itself */
  readonly compiles?: boolean;
  /** Sandboxes that are started ahead of the calls that create them. @default none */
  readonly pool?: {
    /** How many. */
    readonly size: number;
    /** How long after a creation a start ahead begins, ms. @default the pool's */
    readonly quietMs?: number;
    /** Returns the id of the image that a reference for the runtime means now. Throws if there is none. */
    readonly imageId: (reference: string, signal: AbortSignal) => Promise<string>;
  };
}

/** How a sandbox is created. */
export interface CreateOptions extends AskedResources {
  /** The id of the principal that owns it. @default none: it is the server's own */
  readonly owner?: string;
  /** Idle time after which it expires, ms. @default the creator's */
  readonly idleMs?: number;
  /** Cancels the creation. */
  readonly signal?: AbortSignal;
  /** Called when another sandbox is being removed to make room, before the creation begins. */
  readonly onEvict?: (eviction: Eviction) => void;
  /**
   * Gives the sandbox its first content, before anybody else can find it; if it throws, the sandbox is removed. It may take as
   * long as `signal` allows.
   */
  readonly prepare?: (sandbox: Sandbox, signal: AbortSignal) => Promise<void>;
}

/** Errors on what a container is. They say more than that the call's time ended while the container was being removed. */
const VERDICTS: ReadonlySet<string> = new Set(["sandbox_unsafe", "kernel_unavailable", "agent_incompatible"]);

/** A caller's options, checked and completed. */
interface CreationPlan {
  readonly policy: SandboxPolicy;
  /** The reference for the runtime. */
  readonly image: string;
  readonly imageName: string;
  readonly idleMs: number;
  readonly asked: AskedResources;
}

/** What a {@link SandboxCreator} works with. */
export interface CreatorParts {
  readonly registry: SandboxRegistry;
  readonly removals: Removals;
  /** Aborted when no more sandboxes are to be created. */
  readonly closing: AbortSignal;
}

/** Creates the sandboxes of one server. */
export class SandboxCreator {
  /** The sandboxes that are started ahead. */
  readonly pool: SandboxPool;
  readonly #options: CreatorOptions;
  readonly #parts: CreatorParts;
  readonly #permits = new Semaphore(CREATIONS_AT_ONCE, MAX_WAITING_CREATIONS);
  readonly #inFlight = new Set<Promise<unknown>>();
  readonly #code: GuestCode;
  readonly #preloads: Preloads;

  /**
   * @param options See {@link CreatorOptions}.
   * @param parts See {@link CreatorParts}.
   */
  constructor(options: CreatorOptions, parts: CreatorParts) {
    this.#options = options;
    this.#parts = parts;
    this.#code = new GuestCode({ ...options, closing: parts.closing });
    this.#preloads = new Preloads(() => this.#inFlight.size > 0, options.clock);
    this.pool = new SandboxPool({
      size: 0,
      ...options.pool,
      launch: (signal) => this.#launch(signal),
      isBusy: () => this.#inFlight.size > 0,
      removals: parts.removals,
      ...(options.clock === undefined ? {} : { clock: options.clock }),
    });
  }

  /** Removes the sandboxes that were started ahead, and resolves when these and the creations that are running have ended. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#inFlight, this.pool.close(), this.#code.close()]);
    this.#preloads.close();
  }

  /**
   * Creates a sandbox; see {@link SandboxManager.create}.
   *
   * @param options See {@link CreateOptions}.
   */
  async create(options: CreateOptions): Promise<Sandbox> {
    const creation = this.#create(options);
    this.#inFlight.add(creation);
    try {
      return await creation;
    } finally {
      this.#inFlight.delete(creation);
    }
  }

  async #create(options: CreateOptions): Promise<Sandbox> {
    const { registry, closing } = this.#parts;
    if (closing.aborted) throw shuttingDown();
    const signal = AbortSignal.any([closing, ...(options.signal === undefined ? [] : [options.signal])]);
    using deadline = new DeadlineSignal(CREATE_DEADLINE_MS, signal);
    // This comes first: a request that is not allowed must not remove another sandbox.
    const plan = await this.#plan(options, deadline.signal);
    if (closing.aborted) throw shuttingDown();
    const pooled = await this.pool.take(kindOf(plan), deadline.signal).catch((error) => {
      throw failure(error, "No sandbox was created; nothing was left behind.");
    });
    const reservation: Reservation = pooled === undefined
      ? registry.reserve(plan.policy.memoryBytes)
      : { slot: pooled.slot, ready: Promise.resolve() };
    if (reservation.evicted !== undefined) options.onEvict?.(reservation.evicted);
    const id = pooled?.started.id ?? newSandboxId();
    try {
      const started = pooled?.started ??
        await this.#start(plan, { id, room: reservation.ready, signal: deadline.signal });
      if (pooled === undefined) this.#preloads.add(started.container);
      const sandbox = new Sandbox({ ...this.#options, ...plan, ...started, owner: options.owner });
      // From here only the caller's signal counts: a preparation may take longer than a container.
      deadline[Symbol.dispose]();
      await this.#prepare(sandbox, options.prepare, signal);
      registry.add(sandbox, reservation.slot);
      if (closing.aborted) {
        sandbox.remove("removed", "the server ended");
        throw shuttingDown();
      }
      this.pool.created(pooled !== undefined);
      return sandbox;
    } catch (error) {
      throw failure(error, this.#rollBack(containerName(id), reservation));
    }

    function failure(error: unknown, state: string): unknown {
      if (closing.aborted) return shuttingDown();
      if (error instanceof OmcpError && VERDICTS.has(error.code)) return error.with({ state });
      // If the caller's own timeout is the reason, that says more than "cancelled".
      const reason: unknown = options.signal?.reason;
      if (options.signal?.aborted && !(reason instanceof OmcpError && reason.code === "timeout")) {
        return new OmcpError("cancelled", "The call was cancelled", { state, cause: error });
      }
      const expired = deadline.expired ? CREATE_DEADLINE_MS : undefined;
      return creationError(options.signal?.aborted ? reason : error, state, expired);
    }
  }

  async #prepare(sandbox: Sandbox, prepare: CreateOptions["prepare"], signal: AbortSignal): Promise<void> {
    try {
      if (prepare !== undefined) {
        // A preparation that ignores the signal must not delay the server's shutdown.
        await abortable(prepare(sandbox, signal), signal);
        sandbox.throwIfEnded();
        sandbox.touch();
      }
      if (this.#options.outlivesServer === true) await sandbox.recordOwner(signal);
    } catch (error) {
      await sandbox.remove("removed", "its creation failed").within(ROLLBACK_MS);
      throw error;
    }
  }

  async #imageId({ image }: CreationPlan, signal: AbortSignal): Promise<string> {
    return await this.#options.pool?.imageId(image, signal) ?? image;
  }

  /** Begins to start a sandbox like one of a call without arguments, if there is room for it. */
  async #launch(signal: AbortSignal): Promise<Launch | undefined> {
    const plan = await this.#plan({}, signal);
    // Before the start: if the name gets another image meanwhile, the sandbox is not handed out.
    const image = await this.#imageId(plan, signal);
    signal.throwIfAborted();
    const slot = this.#parts.registry.reserveFree(plan.policy.memoryBytes);
    if (slot === undefined) return undefined;
    const id = newSandboxId();
    const started = this.#start(plan, { id, room: Promise.resolve(), signal });
    started.then(({ container }) => preload(container), () => {/* The pool handles it. */});
    const imageNow = (checking: AbortSignal) => this.#imageId(plan, checking);
    return { kind: kindOf(plan), image, imageNow, slot, name: containerName(id), started };
  }

  /** Checks and completes a caller's options. */
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
    // First, because the maximum may not be known before.
    const found = findImage === undefined ? name : await findImage(name, signal);
    const asked = {
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
      ...(cpus === undefined ? {} : { cpus }),
    };
    const planned = requestedPolicy(policy, asked, maximum);
    return {
      policy: planned,
      image: found,
      imageName: name,
      idleMs: options.idleMs ?? this.#options.idleMs,
      asked: {
        ...asked,
        ...(image === undefined ? {} : { image }),
        ...(memoryBytes === undefined ? {} : { workspaceBytes: planned.workspace.bytes }),
      },
    };
  }

  async #start(plan: CreationPlan, { id, room, signal }: {
    readonly id: string;
    readonly room: Promise<void>;
    readonly signal: AbortSignal;
  }): Promise<StartedSandbox> {
    await abortable(room, signal);
    using _permit = await this.#permits.acquire(signal);
    const common = { ...this.#options, removals: this.#parts.removals, ...plan, id, signal };
    return await this.#code.start(plan.image, (modules) => startSandbox({ ...common, modules }));
  }

  /** Releases the slot of a failed creation as soon as no container needs it; returns a sentence on what remains. */
  #rollBack(name: string, { slot, ready, evicted }: Reservation): string {
    const removal = this.#parts.removals.of(name);
    // At once if possible: the caller may try again at once.
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

/** What a sandbox for a plan is made from, except the image's content: sandboxes of one kind can replace each other. */
function kindOf({ image, imageName, policy }: CreationPlan): string {
  return JSON.stringify([image, imageName, policy]);
}
