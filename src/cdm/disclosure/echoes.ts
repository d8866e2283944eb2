/**
 * Sets that got the answer of another one near them. Without a record of these, one person more would show at the edge of an answer's reach:
 * the first set still gets it, and the second one gets its own.
 */
import { differences, differingFrom, distanceOf, type Numbers } from "./sketch.ts";

/** The position of the empty set, about which everyone knows everything. */
export const NOBODY = -1;

/** How many are kept; each has some 300 bytes. */
const MOST_ECHOES = 10_000;

/** What a set differs in from the one whose answer it got. */
interface Echo {
  /** The position of that set in the ledger. */
  readonly of: number;
  readonly difference: Numbers;
}

/** The decisions that a set is compared with. */
interface Bases {
  /** The position after the last one. */
  readonly end: number;
  readonly sketchOf: (of: number) => Float64Array;
  /** Whether the true number of a set was shown, or is known. */
  readonly isExact: (of: number) => boolean;
}

/** Of one ledger. */
export class Echoes {
  readonly #all: Echo[] = [];
  /** The most buckets in which one differs from its set. */
  #widest = 0;

  /** How many there are. */
  get size(): number {
    return this.#all.length;
  }

  /** Whether no further one can be kept. */
  get isFull(): boolean {
    return this.#all.length >= MOST_ECHOES;
  }

  /**
   * Keeps one.
   *
   * @param of The position of the set whose answer it got.
   * @param difference What is added to the sketch of that set.
   */
  add(of: number, difference: Numbers): void {
    this.#all.push({ of, difference });
    this.#widest = Math.max(this.#widest, difference.buckets.length);
  }

  /**
   * Whether what a set has more than a combination of answers is near what an echo has more than its set, or the opposite.
   *
   * @param difference It.
   * @param limit The distance from which on it does not count.
   */
  has(difference: Numbers, limit: number): boolean {
    return this.#all.some((echo) =>
      distanceOf(difference, echo.difference, 1) < limit ||
      distanceOf(difference, echo.difference, -1) < limit
    );
  }

  /**
   * Finds the set to which a set is as the nearest echo is to its own. The same few persons added to, or taken from, any set whose number
   * was shown are as many, so those that could not be seen in one place, with one more, must not be seen in another.
   *
   * @param sketch A set.
   * @param from Up to where it was compared before: with echoes, and with decisions.
   * @param limit The distance from which on it does not count.
   * @param bases The decisions.
   * @returns The position of a decision, and the distance.
   */
  nearest(
    sketch: Float64Array,
    from: { readonly echoes: number; readonly known: number },
    limit: number,
    { end, sketchOf, isExact }: Bases,
  ): { readonly of: number; readonly distance: number } | undefined {
    let own: { readonly of: number; readonly distance: number } | undefined;
    let other: typeof own;
    if (this.#all.length === 0) return undefined;
    const widest = this.#widest + limit;
    for (let of = NOBODY; of < end; of += 1) {
      const base = sketchOf(of);
      const isNew = of >= from.known;
      if (!isNew && from.echoes === this.#all.length) continue;
      if (differingFrom(sketch, base, widest) >= widest) continue;
      const difference = differences(sketch, base);
      const exact = isExact(of);
      for (let at = isNew ? 0 : from.echoes; at < this.#all.length; at += 1) {
        const echo = this.#all[at];
        if (echo === undefined || (echo.of !== of && !exact)) continue;
        const same = distanceOf(difference, echo.difference, 1);
        if (echo.of === of) {
          if (same < (own?.distance ?? limit)) own = { of, distance: same };
        } else {
          const distance = Math.min(same, distanceOf(difference, echo.difference, -1));
          if (distance < (other?.distance ?? limit)) other = { of, distance };
        }
      }
    }
    // What was asked keeps its answer, whatever was asked since beside other sets.
    return own ?? other;
  }
}
