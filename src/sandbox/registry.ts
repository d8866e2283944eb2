/** Which sandboxes a server has: the live ones, those that ended recently, and how many more it may create. */
import { OmcpError } from "../errors.ts";
import { logger } from "../observability/log.ts";
import type { Sandbox, SandboxInfo } from "./sandbox.ts";

const log = logger("sandbox");

/** Ended sandboxes that are remembered, for lists and for precise errors. */
const MAX_TOMBSTONES = 200;

/** The right to have one more sandbox, from before its creation until its container is removed. */
export interface Slot {
  /** Releases it. Idempotent. */
  release(): void;
}

/** The sandboxes of one server, by handle. */
export class SandboxRegistry {
  readonly #maxSandboxes: number;
  /** Until the removal of their containers is confirmed. */
  readonly #live = new Map<string, Sandbox>();
  /** Oldest first. */
  readonly #tombstones = new Map<string, SandboxInfo>();
  #slots = 0;

  /** @param maxSandboxes How many there may be at once, including those being created or removed. */
  constructor(maxSandboxes: number) {
    this.#maxSandboxes = maxSandboxes;
  }

  /** The sandboxes whose containers are not known to be removed, oldest first. */
  get live(): readonly Sandbox[] {
    return [...this.#live.values()];
  }

  /**
   * Reserves a slot.
   *
   * @throws {OmcpError} `capacity` where all are taken.
   */
  reserve(): Slot {
    if (this.#slots >= this.#maxSandboxes) throw this.#capacity();
    this.#slots += 1;
    let released = false;
    return {
      release: () => {
        if (released) return;
        released = true;
        this.#slots -= 1;
      },
    };
  }

  /**
   * Adds a sandbox. When its container is removed, its slot is released and a tombstone remains.
   *
   * @param sandbox The new sandbox.
   * @param slot Its slot.
   */
  add(sandbox: Sandbox, slot: Slot): void {
    this.#live.set(sandbox.id, sandbox);
    void sandbox.removed.then(() => {
      this.#live.delete(sandbox.id);
      slot.release();
      this.#addTombstone(sandbox.info());
    });
  }

  /**
   * Finds a sandbox that accepts calls.
   *
   * @param sandboxId Its handle.
   * @throws {OmcpError} `sandbox_not_found`, or `sandbox_lost` or `out_of_memory` where it ended by itself.
   */
  get(sandboxId: string): Sandbox {
    const sandbox = this.find(sandboxId);
    sandbox.throwIfEnded();
    return sandbox;
  }

  /**
   * Finds a sandbox whose container is not known to be removed, also one that is ending.
   *
   * @param sandboxId Its handle.
   * @throws {OmcpError} `sandbox_not_found`, or `sandbox_lost` where it ended by itself.
   */
  find(sandboxId: string): Sandbox {
    const sandbox = this.#live.get(sandboxId);
    if (sandbox !== undefined) return sandbox;
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

  #addTombstone(info: SandboxInfo): void {
    this.#tombstones.set(info.sandboxId, info);
    const [oldest] = this.#tombstones.keys();
    if (this.#tombstones.size > MAX_TOMBSTONES && oldest !== undefined) this.#tombstones.delete(oldest);
    log.info("Removed sandbox {id}: {reason}", { id: info.sandboxId, reason: info.reason ?? "" });
  }

  #capacity(): OmcpError {
    const maximum = this.#maxSandboxes;
    const removing = this.live.filter(({ isEnding }) => isEnding).length;
    return new OmcpError("capacity", `Cannot create a sandbox: at most ${maximum} may exist at once`, {
      state: `The other sandboxes are untouched.${
        removing === 0 ? "" : ` ${removing} of them ${removing === 1 ? "is" : "are"} being removed.`
      }`,
      next: "Remove one with remove_sandbox, or wait until an idle one expires.",
      details: { maximum },
    });
  }
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
