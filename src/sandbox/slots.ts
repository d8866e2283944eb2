/** How many sandboxes there may be at once, and how much memory they may have together. */

/** The right to have one more sandbox, from before its creation until its container is removed. */
export interface Slot {
  /** Bytes to count: the memory limit of its sandbox or, if that is larger, of the sandboxes that are being removed for it. */
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
    return memoryOf(this.#taken);
  }

  /**
   * Whether another sandbox would fit.
   *
   * @param memoryBytes Its memory limit.
   * @param without Slots that count as released.
   */
  fits(memoryBytes: number, ...without: readonly Slot[]): boolean {
    const kept = this.#taken.difference(new Set(without));
    return kept.size < this.limits.maxSandboxes &&
      memoryOf(kept) + memoryBytes <= this.limits.memoryBytes;
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
   * Takes the place of slots whose sandboxes are being removed: nobody else can take it.
   *
   * @param old The slots; releasing them has no effect afterwards.
   * @param memoryBytes The memory limit of the new sandbox.
   * @param removed Resolves when the old sandboxes' containers are removed: until then the larger of both sums counts.
   */
  replace(old: readonly Slot[], memoryBytes: number, removed: Promise<unknown>): Slot {
    let counted = Math.max(memoryBytes, memoryOf(this.#taken.intersection(new Set(old))));
    void removed.then(() => counted = memoryBytes);
    for (const slot of old) slot.release();
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

function memoryOf(slots: Iterable<Slot>): number {
  return Iterator.from(slots).reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
}
