/** Which sandboxes a server has: the live ones, those that ended recently, and how many more it may create. */
import { OmcpError } from "../errors.ts";
import { readableDuration } from "../lib/duration.ts";
import { logger } from "../observability/log.ts";
import { type Eviction, longestUnused } from "./eviction.ts";
import type { Execution } from "./executions/execution.ts";
import { type ExecutionRecord, lostError } from "./executions/record.ts";
import type { Sandbox } from "./sandbox.ts";
import type { SandboxInfo } from "./sandbox_info.ts";
import type { Spare } from "./pool.ts";
import { type Slot, type SlotLimits, Slots } from "./slots.ts";

const log = logger("sandbox");

/** Ended sandboxes that are remembered, for lists and for precise errors. */
const MAX_TOMBSTONES = 200;
/** Executions of ended sandboxes that are remembered, for precise errors. */
const MAX_LOST_EXECUTIONS = 2000;

/** What a {@link SandboxRegistry} needs. */
export interface RegistryOptions extends SlotLimits {
  /** At capacity, a sandbox that no call has used for this long makes room for a new one, ms. */
  readonly evictUnusedMs: number;
  /** Sandboxes without a user, which make room before any other. @default none */
  readonly spares?: () => readonly Spare[];
}

/** A slot, and what was removed for it. */
export interface Reservation {
  readonly slot: Slot;
  /** The sandbox that is being removed for it; undefined if there was room. */
  readonly evicted?: Eviction;
  /** Resolves when there is room: the evicted sandbox's container is removed. */
  readonly ready: Promise<void>;
}

/** The sandboxes of one server, by handle. */
export class SandboxRegistry {
  readonly #evictUnusedMs: number;
  readonly #spares: () => readonly Spare[];
  readonly #slots: Slots;
  /** Until the removal of their containers is confirmed. */
  readonly #live = new Map<string, { readonly sandbox: Sandbox; readonly slot: Slot }>();
  /** Oldest first. */
  readonly #tombstones = new Map<string, SandboxInfo>();
  /** Oldest first, with the reason why the sandbox ended. */
  readonly #lostExecutions = new Map<string, { readonly record: ExecutionRecord; readonly reason: string }>();

  /** @param options See {@link RegistryOptions}. */
  constructor(options: RegistryOptions) {
    this.#evictUnusedMs = options.evictUnusedMs;
    this.#spares = options.spares ?? (() => []);
    // Not a copy: its limits may depend on what the server finds later.
    this.#slots = new Slots(options);
  }

  /** The sandboxes whose containers are not known to be removed, oldest first. */
  get live(): readonly Sandbox[] {
    return [...this.#live.values()].map(({ sandbox }) => sandbox);
  }

  /**
   * Reserves a slot without removing anything for it.
   *
   * @param memoryBytes The memory limit of the new sandbox.
   * @returns The slot; undefined if there is no room.
   */
  reserveFree(memoryBytes: number): Slot | undefined {
    return this.#slots.fits(memoryBytes) ? this.#slots.take(memoryBytes) : undefined;
  }

  /**
   * Reserves a slot for a sandbox that exists already, whether or not there is room.
   *
   * @param memoryBytes Its memory limit.
   */
  reserveAnyway(memoryBytes: number): Slot {
    return this.#slots.take(memoryBytes);
  }

  /**
   * Reserves a slot. If there is no room, it removes as many sandboxes without a user as necessary. If all of them are not enough, it also removes
   * the sandbox that has been unused for the longest, if that time is long enough and its slot is large enough. The new slot takes the place of
   * theirs at once, so that no other reservation counts on it.
   *
   * @param memoryBytes The memory limit of the new sandbox.
   * @throws {OmcpError} `capacity` if there is no room and none can be made.
   */
  reserve(memoryBytes: number): Reservation {
    const free = this.reserveFree(memoryBytes);
    if (free !== undefined) return { slot: free, ready: Promise.resolve() };
    const spares: Spare[] = [];
    for (const spare of this.#spares()) {
      spares.push(spare);
      if (this.#slots.fits(memoryBytes, ...slotsOf(spares))) return this.#replace(spares, memoryBytes);
    }
    const victim = this.#victim(memoryBytes, slotsOf(spares));
    if (victim === undefined) throw this.#capacity(memoryBytes);
    const { sandbox, slot, unusedMs } = victim;
    const unused = readableDuration(unusedMs);
    const reason = `it was removed for a new sandbox after ${unused} without a call`;
    const drop = () => {
      sandbox.remove("removed", reason);
      return sandbox.removed;
    };
    const evicted = { sandboxId: sandbox.id, unusedMs };
    return { ...this.#replace([...spares, { slot, drop }], memoryBytes), evicted };
  }

  #replace(old: readonly Spare[], memoryBytes: number): Reservation {
    const removed = Promise.all(old.map((one) => one.drop("a new sandbox needs its room")));
    return {
      slot: this.#slots.replace(slotsOf(old), memoryBytes, removed),
      ready: removed.then(() => {}),
    };
  }

  /**
   * Adds a sandbox. When its container is removed, its slot is released and a tombstone remains.
   *
   * @param sandbox The new sandbox.
   * @param slot Its slot.
   */
  add(sandbox: Sandbox, slot: Slot): void {
    this.#live.set(sandbox.id, { sandbox, slot });
    void sandbox.removed.then(() => {
      this.#live.delete(sandbox.id);
      slot.release();
      this.addTombstone(sandbox.info());
      this.#addLost(sandbox);
    });
  }

  /**
   * Remembers a sandbox that has ended, for lists and for precise errors.
   *
   * @param info What is known of it; it may be one of an earlier server.
   */
  addTombstone(info: SandboxInfo): void {
    this.#tombstones.set(info.sandboxId, info);
    const [oldest] = this.#tombstones.keys();
    if (this.#tombstones.size > MAX_TOMBSTONES && oldest !== undefined) this.#tombstones.delete(oldest);
    log.info("Removed sandbox {id}: {reason}", { id: info.sandboxId, reason: info.reason ?? "" });
  }

  /**
   * Finds a sandbox that accepts calls, and counts now as its last use: its caller is about to use it.
   *
   * @param sandboxId Its handle.
   * @throws {OmcpError} `sandbox_not_found`, or `sandbox_lost` or `out_of_memory` if it ended by itself.
   */
  get(sandboxId: string): Sandbox {
    const sandbox = this.find(sandboxId);
    sandbox.throwIfEnded();
    sandbox.touch();
    return sandbox;
  }

  /**
   * Finds a sandbox whose container is not known to be removed, also one that is ending.
   *
   * @param sandboxId Its handle.
   * @throws {OmcpError} `sandbox_not_found`, or `sandbox_lost` if it ended by itself.
   */
  find(sandboxId: string): Sandbox {
    const live = this.#live.get(sandboxId);
    if (live !== undefined) return live.sandbox;
    throw absent(sandboxId, this.#tombstones.get(sandboxId));
  }

  /**
   * Lists sandboxes, oldest first.
   *
   * @param includeInactive Also the last {@link MAX_TOMBSTONES} that ended. @default false
   */
  list(includeInactive = false): SandboxInfo[] {
    const live = this.live.map((sandbox) => sandbox.info());
    return includeInactive ? [...this.#tombstones.values(), ...live] : live;
  }

  /**
   * Finds an execution of a sandbox.
   *
   * @param id Its id.
   * @param owner The caller's principal: another's execution is not found.
   * @returns The execution; for an old one, only its record; undefined if there is none.
   * @throws {OmcpError} `execution_lost` if its sandbox has ended.
   */
  findExecution(id: string, owner: string): Execution | ExecutionRecord | undefined {
    for (const { sandbox } of this.#live.values()) {
      const found = sandbox.executions.find(id, owner);
      if (found === undefined) continue;
      sandbox.touch();
      return found;
    }
    const lost = this.#lostExecutions.get(id);
    if (lost?.record.owner === owner) throw lostError(lost.record, lost.reason);
    return undefined;
  }

  #addLost(sandbox: Sandbox): void {
    const { reason = "it ended" } = sandbox.info();
    const add = (records: readonly ExecutionRecord[]): void => {
      for (const record of records) this.#lostExecutions.set(record.id, { record, reason });
      for (const oldest of this.#lostExecutions.keys()) {
        if (this.#lostExecutions.size <= MAX_LOST_EXECUTIONS) break;
        this.#lostExecutions.delete(oldest);
      }
    };
    // Now, so that no execution is unknown meanwhile, and again when the running ones have ended.
    add(sandbox.executions.list());
    void sandbox.executions.dropOutputs().then(add);
  }

  /** The sandbox to evict. Also undefined while the removal of another one makes enough room. */
  #victim(memoryBytes: number, spare: readonly Slot[]) {
    const candidates = [...this.#live.values()].filter(({ slot }) =>
      this.#slots.fits(memoryBytes, slot, ...spare)
    );
    if (candidates.some(({ sandbox }) => sandbox.isEnding)) return undefined;
    const found = longestUnused(candidates.map(({ sandbox }) => sandbox), this.#evictUnusedMs);
    const slot = found && this.#live.get(found.sandbox.id)?.slot;
    return slot && { ...found, slot };
  }

  #capacity(memoryBytes: number): OmcpError {
    const { maxSandboxes: maximum, memoryBytes: memory } = this.#slots.limits;
    const removing = this.live.filter(({ isEnding }) => isEnding).length;
    const allTaken = this.#slots.count >= maximum;
    const full = allTaken
      ? `at most ${maximum} may exist at once`
      : `it would have ${mebibytes(memoryBytes)}, and of the ${
        mebibytes(memory)
      } that all may have together ${mebibytes(memory - this.#slots.memoryBytes)} are left`;
    return new OmcpError("capacity", `Cannot create a sandbox: ${full}`, {
      state: `The other sandboxes are untouched.${
        removing === 0 ? "" : ` ${removing} of them ${removing === 1 ? "is" : "are"} being removed.`
      }`,
      next: removing > 0
        ? "Try again when they are removed, or remove another with remove_sandbox."
        : "Remove one with remove_sandbox, or wait: a sandbox that no call has used for " +
          `${readableDuration(this.#evictUnusedMs)} makes room for a new one.`,
      // `maximum` is the number of sandboxes, which is not what a lack of memory exceeds.
      details: allTaken ? { maximum } : {},
    });
  }
}

function slotsOf(spares: readonly Spare[]): Slot[] {
  return spares.map(({ slot }) => slot);
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / (1024 * 1024))} MiB`;
}

function absent(sandboxId: string, tombstone: SandboxInfo | undefined): OmcpError {
  const next = "Create a new sandbox with create_sandbox.";
  if (tombstone?.state === "lost") {
    return new OmcpError("sandbox_lost", `Sandbox ${sandboxId} is lost: ${tombstone.reason}`, {
      state: "Its variables and files are gone.",
      next,
    });
  }
  const message = tombstone === undefined
    ? `There is no sandbox ${sandboxId}`
    : `Sandbox ${sandboxId} has been removed: ${tombstone.reason}`;
  return new OmcpError("sandbox_not_found", message, {
    next: "See list_sandboxes, or create a new one with create_sandbox.",
  });
}
