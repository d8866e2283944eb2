/** How many sandboxes there may be at once, and how much memory they may have together. */

/** The right to have one more sandbox, from before its creation until its container is removed. */
export interface Slot {
  /** Bytes to count: the memory limit of its sandbox, or of the one that is being removed for it if that is larger. */
  readonly memoryBytes: number;
  /** Releases it. Idempotent. */
  release(): void;
}

/** What all sandboxes of a server may have together. */
export interface SlotLimits {
  /** How many there may be at once, including those being created or removed. */
  readonly maxSandboxes: number;
  /** The sum of their memory limits, bytes. */
  readonly memoryBytes: number;
}

/** The slots of one server. */
export class Slots {
  readonly limits: SlotLimits;
  readonly #taken = new Set<Slot>();

  /** @param limits See {@link SlotLimits}. */
  constructor(limits: SlotLimits) {
    this.limits = limits;
  }

  /** How many are taken. */
  get count(): number {
    return this.#taken.size;
  }

  /** The sum of the memory limits of the sandboxes that have a slot, bytes. */
  get memoryBytes(): number {
    return this.#taken.values().reduce((sum, slot) => sum + slot.memoryBytes, 0);
  }

  /**
   * Whether another sandbox would fit.
   *
   * @param memoryBytes Its memory limit.
   * @param without A slot that counts as released.
   */
  fits(memoryBytes: number, without?: Slot): boolean {
    const less = without !== undefined && this.#taken.has(without);
    return this.#taken.size - (less ? 1 : 0) < this.limits.maxSandboxes &&
      this.memoryBytes - (less ? without.memoryBytes : 0) + memoryBytes <= this.limits.memoryBytes;
  }

  /**
   * Takes a slot, whether or not it fits.
   *
   * @param memoryBytes The memory limit of its sandbox.
   */
  take(memoryBytes: number): Slot {
    const slot: Slot = { memoryBytes, release: () => void this.#taken.delete(slot) };
    this.#taken.add(slot);
    return slot;
  }

  /**
   * Takes the place of a slot whose sandbox is being removed: nobody else can take it.
   *
   * @param old The slot; releasing it has no effect afterwards.
   * @param memoryBytes The memory limit of the new sandbox.
   * @param removed Resolves when the old sandbox's container is removed: until then the larger of both limits counts.
   */
  replace(old: Slot, memoryBytes: number, removed: Promise<void>): Slot {
    let counted = Math.max(memoryBytes, old.memoryBytes);
    void removed.then(() => counted = memoryBytes);
    old.release();
    const slot: Slot = {
      get memoryBytes() {
        return counted;
      },
      release: () => void this.#taken.delete(slot),
    };
    this.#taken.add(slot);
    return slot;
  }
}
