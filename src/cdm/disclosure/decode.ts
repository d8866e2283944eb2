/** Writes a sketch as a linear combination of others, except in a few buckets: information-set decoding over the rationals. */
import type { Steps } from "../../lib/async/in_slices.ts";
import { BUCKETS, type Term } from "./sketch.ts";

/** The most sketches that a decoder takes: it needs as many buckets to distinguish them, and further ones to check the result. */
export const MOST_DECODED = 320;

/** Factors are rounded to multiples of 1, 1/2 or 1/3, as sums and differences of overlapping groups need. */
const DENOMINATORS = [1, 2, 3];
const CLOSE = 1e-4;
/** How often it tries. A try fails if a bucket that differs is among those that it solves for, so that few sketches need few tries. */
const FEWEST_TRIES = 3;
const MOST_TRIES = 12;
const ROWS_PER_TRY = 4;
/** Buckets beyond the unknowns of one try. */
const SPARE = 96;
/** Below this part of the largest number, a number is rounding. */
const ROUNDING = 1e-7;
/** A pivot is chosen at random among numbers of at least this part of the largest. */
const PIVOT = 0.3;

/**
 * Remembers sketches, and finds for another one which of them it is made from. It keeps the sketches solved, so that each question takes
 * as many operations as they have numbers, and not as many as it takes to solve them.
 */
export class Decoder {
  readonly #random: () => number;
  readonly #rows: Float64Array[] = [];
  readonly #tries: Solved[] = [];

  /** @param random Numbers from 0 to below 1 that nobody can foresee. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** How many sketches it has. */
  get size(): number {
    return this.#rows.length;
  }

  /**
   * Takes a further sketch.
   *
   * @param row The sketch; it must not change.
   */
  add(row: Float64Array): void {
    for (const each of this.#tries) each.add(row);
    this.#rows.push(row);
    const wanted = Math.min(MOST_TRIES, Math.max(FEWEST_TRIES, Math.ceil(this.#rows.length / ROWS_PER_TRY)));
    while (this.#tries.length < wanted) this.#tries.push(new Solved(this.#random, this.#rows));
  }

  /**
   * Looks for factors y such that Σ y·row is near the target: they differ in fewer than k buckets, and `isNear`.
   *
   * @param target The sketch.
   * @param k The number of buckets from which on a difference counts.
   * @param isNear Whether a combination is near enough to the target.
   * @returns The factors, one for each row, or undefined. It yields often.
   */
  *find(
    target: Float64Array,
    k: number,
    isNear: (terms: readonly Term[]) => boolean,
  ): Steps<readonly number[] | undefined> {
    for (const each of this.#tries) {
      yield;
      const factors = each.factors(target, k);
      if (factors === undefined) continue;
      for (const denominator of DENOMINATORS) {
        const near = Array.from(factors, (factor) => Math.round(factor * denominator) / denominator);
        if (near.some((factor, at) => Math.abs(factor - (factors[at] ?? 0)) > CLOSE)) continue;
        const terms = near.map((times, at) => ({ times, sketch: this.#rows[at] ?? target }))
          .filter(({ times }) => times !== 0);
        if (isNear(terms)) return near;
      }
    }
    return undefined;
  }
}

/** One try: equations of random buckets, in echelon form. */
class Solved {
  readonly #random: () => number;
  readonly #buckets: readonly number[];
  /** Each row less multiples of the rows before, so that it is 0 at their pivots; undefined for one that is a combination of them. */
  readonly #rows: ({ readonly pivot: number; readonly numbers: Float64Array } | undefined)[] = [];
  /** Which multiples were subtracted, for each row. */
  readonly #multiples: Float64Array[] = [];

  constructor(random: () => number, rows: readonly Float64Array[]) {
    this.#random = random;
    this.#buckets = sample(BUCKETS, MOST_DECODED + SPARE, random);
    for (const row of rows) this.add(row);
  }

  add(row: Float64Array): void {
    const { rest, multiples, largest } = this.#reduced(row);
    this.#multiples.push(multiples);
    const most = rest.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    if (most <= ROUNDING * largest) {
      this.#rows.push(undefined);
      return;
    }
    const candidates = [...rest.keys()].filter((at) => Math.abs(rest[at] ?? 0) >= PIVOT * most);
    const pivot = candidates[Math.floor(this.#random() * candidates.length)] ?? 0;
    this.#rows.push({ pivot, numbers: rest });
  }

  /** The factors that solve the equations, if others than those solved for hold, too, all but k. */
  factors(target: Float64Array, k: number): Float64Array | undefined {
    const { rest, multiples, largest } = this.#reduced(target);
    let differing = 0;
    for (const number of rest) {
      if (Math.abs(number) > ROUNDING * largest) differing += 1;
      if (differing >= k) return undefined;
    }
    // A multiple of a solved row counts for the rows that it was made from.
    for (let at = multiples.length - 1; at >= 0; at -= 1) {
      const times = multiples[at] ?? 0;
      if (times === 0) continue;
      this.#multiples[at]?.forEach((part, before) =>
        multiples[before] = (multiples[before] ?? 0) - times * part
      );
    }
    return multiples;
  }

  #reduced(row: Float64Array) {
    const rest = Float64Array.from(this.#buckets, (bucket) => row[bucket] ?? 0);
    const largest = rest.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    const multiples = new Float64Array(this.#rows.length);
    this.#rows.forEach((solved, at) => {
      if (solved === undefined) return;
      const { pivot, numbers } = solved;
      const times = (rest[pivot] ?? 0) / (numbers[pivot] ?? 1);
      if (times === 0) return;
      multiples[at] = times;
      for (let column = 0; column < rest.length; column += 1) {
        rest[column] = (rest[column] ?? 0) - times * (numbers[column] ?? 0);
      }
      rest[pivot] = 0;
    });
    return { rest, multiples, largest };
  }
}

/** Some of the numbers from 0 to below `of`, without repetition. */
function sample(of: number, count: number, random: () => number): readonly number[] {
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(Math.floor(random() * of));
  return [...chosen];
}
