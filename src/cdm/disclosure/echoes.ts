/**
 * Sets that got the answer of another one near them. Without a record of these, one person more would show at the edge of an answer's reach:
 * the first set still gets it, and the second one gets its own.
 */
import { differingNumbers, distanceOf, type Numbers } from "./sketch.ts";

/** How many are kept; each has some 300 bytes. */
const MOST_ECHOES = 10_000;

/** A set and what it differs in from the set whose answer it got. */
interface Echo {
  /** The position of that set in the ledger. */
  readonly of: number;
  readonly numbers: Numbers;
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
   * @param numbers What it differs in.
   */
  add(of: number, numbers: Numbers): void {
    this.#all.push({ of, numbers });
    this.#widest = Math.max(this.#widest, numbers.buckets.length);
  }

  /**
   * Finds the nearest one.
   *
   * @param sketch A set.
   * @param from The first one to look at.
   * @param limit The distance from which on it does not count.
   * @param sketchOf The sketch of a set of the ledger.
   * @returns Its set's position and the distance.
   */
  nearest(
    sketch: Float64Array,
    from: number,
    limit: number,
    sketchOf: (of: number) => Float64Array,
  ): { readonly of: number; readonly distance: number } | undefined {
    const differences = new Map<number, Numbers | undefined>();
    let best: { readonly of: number; readonly distance: number } | undefined;
    for (let at = from; at < this.#all.length; at += 1) {
      const echo = this.#all[at];
      if (echo === undefined) break;
      if (!differences.has(echo.of)) {
        differences.set(echo.of, differingNumbers(sketch, sketchOf(echo.of), this.#widest + limit));
      }
      const own = differences.get(echo.of);
      if (own === undefined) continue;
      const distance = distanceOf(own, echo.numbers);
      if (distance < (best?.distance ?? limit)) best = { of: echo.of, distance };
    }
    return best;
  }
}
