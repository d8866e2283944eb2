/**
 * Sets that got the answer of another one near them. Without a record of these, one person would be visible at the edge of an answer's reach: the
 * set without that person would get the earlier answer, and the set with that person its own.
 */
import { differences, differingFrom, distanceOf, type Numbers } from "./sketch.ts";

/** The position of the empty set, about which everyone knows everything. */
export const NOBODY = -1;

/** How many are kept; each has some 300 bytes. */
const MOST_ECHOES = 10_000;

/** How a set differs from the one whose answer it got. */
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

/** The echoes of one ledger. */
export class Echoes {
  readonly #all: Echo[] = [];
  /** The most buckets in which one differs from its set. */
  #widest = 0;

  /** How many echoes there are. */
  get size(): number {
    return this.#all.length;
  }

  /** Whether no further echo can be kept. */
  get isFull(): boolean {
    return this.#all.length >= MOST_ECHOES;
  }

  /**
   * Keeps an echo.
   *
   * @param of The position of the set whose answer it got.
   * @param difference What is added to the sketch of that set.
   */
  add(of: number, difference: Numbers): void {
    this.#all.push({ of, difference });
    this.#widest = Math.max(this.#widest, difference.buckets.length);
  }

  /**
   * What those that got the decisions about certain sets differ from these in.
   *
   * @param isCounted Whether a set is one of these, by its position.
   */
  *differencesFrom(isCounted: (of: number) => boolean): Iterable<Numbers> {
    for (const { of, difference } of this.#all) if (isCounted(of)) yield difference;
  }

  /**
   * Whether a set's difference from a combination of answers is near an echo's difference from its own set, or near the opposite of that.
   *
   * @param difference The set's difference.
   * @param limit The distance from which on it does not count.
   */
  has(difference: Numbers, limit: number): boolean {
    return this.#all.some((echo) =>
      distanceOf(difference, echo.difference, 1) < limit ||
      distanceOf(difference, echo.difference, -1) < limit
    );
  }

  /**
   * Finds a set whose number was shown and from which the given set differs as an echo differs from its own set. A caller can add the same few
   * persons to any such set, or remove them from it. If the caller could not see these persons beside one set, they must not become visible beside
   * another, alone or with one more person.
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
    // A set that was asked about keeps its answer, whatever was asked since about other sets.
    return own ?? other;
  }
}
