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

/** How many sketches the equations of a try have room for before there is room for all: each bucket costs time. */
const LITTLE_ROOM = 80;

/**
 * Remembers sketches, and finds for another one which of them it is made from. It keeps the sketches solved, so that each question takes
 * as many operations as they have numbers, and not as many as it takes to solve them.
 */
export class Decoder {
  readonly #random: () => number;
  #rows: readonly Float64Array[] = [];
  #tries: readonly Solved[] = [];
  #room = LITTLE_ROOM;

  /** @param random Numbers from 0 to below 1 that nobody can foresee. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** How many sketches it has. */
  get size(): number {
    return this.#rows.length;
  }

  /**
   * Takes a further sketch. It yields often; if it is ended between two steps, it has taken nothing.
   *
   * @param row The sketch; it must not change.
   */
  *add(row: Float64Array): Steps<void> {
    const rows = [...this.#rows, row];
    const isFull = this.#rows.length === this.#room;
    const room = isFull ? MOST_DECODED : this.#room;
    const kept = isFull ? [] : this.#tries;
    const wanted = Math.min(MOST_TRIES, Math.max(FEWEST_TRIES, Math.ceil(rows.length / ROWS_PER_TRY)));
    const further: Solved[] = [];
    while (kept.length + further.length < wanted) {
      yield;
      further.push(new Solved(this.#random, room + SPARE, rows));
    }
    // No step ends from here on: a sketch that counts as taken, but that no try has, would never be found.
    for (const each of kept) each.add(row);
    this.#tries = [...kept, ...further];
    this.#rows = rows;
    this.#room = room;
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

/** A row less multiples of the rows that a try has solved, so that it is 0 at their pivots. */
interface Reduced {
  readonly row: Float64Array;
  readonly rest: Float64Array;
  /** Which multiples were subtracted, for each row. */
  readonly multiples: Float64Array;
  readonly largest: number;
}

/** One try: equations of random buckets, in echelon form. Their first buckets are the pivots, in the order of the solved rows. */
class Solved {
  readonly #random: () => number;
  readonly #buckets: Uint16Array;
  /** The solved rows, each from its pivot on. */
  readonly #solved: { readonly row: number; readonly numbers: Float64Array }[] = [];
  /** For each row, those that were subtracted. */
  readonly #multiples: Float64Array[] = [];
  /** The last target, which is often the next row. */
  #last: Reduced | undefined;

  constructor(random: () => number, buckets: number, rows: readonly Float64Array[]) {
    this.#random = random;
    this.#buckets = sample(BUCKETS, buckets, random);
    for (const row of rows) this.add(row);
  }

  add(row: Float64Array): void {
    const known = this.#last?.row === row && this.#last.multiples.length === this.#multiples.length;
    const { rest, multiples, largest } = known && this.#last !== undefined ? this.#last : this.#reduced(row);
    this.#last = undefined;
    this.#multiples.push(multiples);
    const most = largestOf(rest);
    if (most <= ROUNDING * largest) return;
    const candidates: number[] = [];
    for (let at = 0; at < rest.length; at += 1) {
      if (Math.abs(rest[at] ?? 0) >= PIVOT * most) candidates.push(at);
    }
    const pivot = candidates[Math.floor(this.#random() * candidates.length)] ?? 0;
    const first = this.#solved.length;
    exchange(this.#buckets, first, pivot);
    for (const [at, { numbers }] of this.#solved.entries()) exchange(numbers, first - at, pivot - at);
    exchange(rest, first, pivot);
    this.#solved.push({ row: this.#multiples.length - 1, numbers: rest.slice(first) });
  }

  /** The factors that solve the equations, if others than those solved for hold, too, all but k. */
  factors(target: Float64Array, k: number): Float64Array | undefined {
    const reduced = this.#reduced(target);
    const { rest, largest } = reduced;
    this.#last = reduced;
    let differing = 0;
    for (let at = 0; at < rest.length; at += 1) {
      if (Math.abs(rest[at] ?? 0) > ROUNDING * largest) differing += 1;
      if (differing >= k) return undefined;
    }
    const multiples = reduced.multiples.slice();
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

  #reduced(row: Float64Array): Reduced {
    const rest = new Float64Array(this.#buckets.length);
    for (let at = 0; at < rest.length; at += 1) rest[at] = row[this.#buckets[at] ?? 0] ?? 0;
    const largest = largestOf(rest);
    const multiples = new Float64Array(this.#multiples.length);
    for (const [pivot, { row: at, numbers }] of this.#solved.entries()) {
      const times = (rest[pivot] ?? 0) / (numbers[0] ?? 1);
      if (times === 0) continue;
      multiples[at] = times;
      subtract(rest, pivot, times, numbers);
      rest[pivot] = 0;
    }
    return { row, rest, multiples, largest };
  }
}

/** Most of the decoder's time is here. */
function subtract(from: Float64Array, start: number, times: number, numbers: Float64Array): void {
  for (let at = 1; at < numbers.length; at += 1) {
    from[start + at] = (from[start + at] ?? 0) - times * (numbers[at] ?? 0);
  }
}

function largestOf(numbers: Float64Array): number {
  let largest = 0;
  for (let at = 0; at < numbers.length; at += 1) largest = Math.max(largest, Math.abs(numbers[at] ?? 0));
  return largest;
}

function exchange(numbers: Float64Array | Uint16Array, a: number, b: number): void {
  const number = numbers[a] ?? 0;
  numbers[a] = numbers[b] ?? 0;
  numbers[b] = number;
}

/** Some of the numbers from 0 to below `of`, without repetition. */
function sample(of: number, count: number, random: () => number): Uint16Array {
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(Math.floor(random() * of));
  return Uint16Array.from(chosen);
}
