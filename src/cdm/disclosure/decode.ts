/** Writes a sketch as a linear combination of others, but for a few buckets: information-set decoding over the rationals. */
import type { Steps } from "../../lib/async/in_slices.ts";
import { differingBuckets } from "./sketch.ts";

/** Factors are rounded to multiples of 1, 1/2 or 1/3, as sums and differences of overlapping groups need. */
const DENOMINATORS = [1, 2, 3];
const CLOSE = 1e-4;
/**
 * Multiplications that one search may take, and how often it tries at least and at most. A try with r rows fails if one of d buckets that
 * differ is among r of all, so that few rows need few tries.
 */
const WORK = 2e7;
const FEWEST_TRIES = 3;
const MOST_TRIES = 16;
const ROWS_PER_TRY = 4;
/** Buckets beyond the unknowns, among which the best pivots are chosen. */
const SPARE = 24;
/** A pivot below this part of the largest number is rounding. */
const SINGULAR = 1e-8;

/**
 * Looks for factors y such that Σ y·row and the target differ in fewer than k buckets. Each try solves the equations of random buckets,
 * and succeeds if none of these is one that differs.
 *
 * @param target The sketch.
 * @param rows The earlier sketches; they may depend on each other.
 * @param k The number of buckets from which on a difference counts.
 * @param random Numbers from 0 to below 1.
 * @returns The factors, one for each row, or undefined. It yields often.
 */
export function* decode(
  target: Float64Array,
  rows: readonly Float64Array[],
  k: number,
  random: () => number,
): Steps<readonly number[] | undefined> {
  if (rows.length === 0) return undefined;
  const once = rows.length ** 2 * (rows.length + SPARE);
  const wanted = Math.min(MOST_TRIES, Math.ceil(rows.length / ROWS_PER_TRY), Math.floor(WORK / once));
  const tries = Math.max(FEWEST_TRIES, wanted);
  for (let tried = 0; tried < tries; tried += 1) {
    const factors = yield* solve(target, rows, random);
    for (const denominator of DENOMINATORS) {
      const near = Array.from(factors, (factor) => Math.round(factor * denominator) / denominator);
      if (near.some((factor, at) => Math.abs(factor - (factors[at] ?? 0)) > CLOSE)) continue;
      const terms = near.map((times, at) => ({ times, sketch: rows[at] ?? target })).filter(({ times }) =>
        times !== 0
      );
      if (differingBuckets(target, terms, k) < k) return near;
    }
  }
  return undefined;
}

/** Solves the equations of random buckets by Gaussian elimination; unknowns that they leave free are 0. */
function* solve(
  target: Float64Array,
  rows: readonly Float64Array[],
  random: () => number,
): Steps<Float64Array> {
  const unknowns = rows.length;
  const width = unknowns + 1;
  const buckets = sample(target.length, unknowns + SPARE, random);
  const equations = buckets.map((bucket) => {
    const equation = new Float64Array(width);
    rows.forEach((row, at) => equation[at] = row[bucket] ?? 0);
    equation[unknowns] = target[bucket] ?? 0;
    return equation;
  });
  const largest = equations.reduce(
    (most, equation) => equation.reduce((a, b) => Math.max(a, Math.abs(b)), most),
    0,
  );
  const pivots: { readonly column: number; readonly equation: Float64Array }[] = [];
  for (let column = 0; column < unknowns && equations.length > 0; column += 1) {
    yield;
    let best = 0;
    equations.forEach((equation, at) => {
      if (Math.abs(equation[column] ?? 0) > Math.abs(equations[best]?.[column] ?? 0)) best = at;
    });
    const [pivot] = equations.splice(best, 1);
    const lead = pivot?.[column] ?? 0;
    if (pivot === undefined || Math.abs(lead) <= SINGULAR * largest) {
      if (pivot !== undefined) equations.push(pivot);
      continue;
    }
    for (let at = column; at < width; at += 1) pivot[at] = (pivot[at] ?? 0) / lead;
    for (const equation of equations) {
      const factor = equation[column] ?? 0;
      if (factor === 0) continue;
      for (let at = column; at < width; at += 1) {
        equation[at] = (equation[at] ?? 0) - factor * (pivot[at] ?? 0);
      }
    }
    pivots.push({ column, equation: pivot });
  }
  const factors = new Float64Array(unknowns);
  for (const { column, equation } of pivots.reverse()) {
    let value = equation[unknowns] ?? 0;
    for (let at = column + 1; at < unknowns; at += 1) value -= (equation[at] ?? 0) * (factors[at] ?? 0);
    factors[column] = value;
  }
  return factors;
}

/** Some of the numbers from 0 to below `of`, without repetition. */
function sample(of: number, count: number, random: () => number): readonly number[] {
  const chosen = new Set<number>();
  while (chosen.size < Math.min(of, count)) chosen.add(Math.floor(random() * of));
  return [...chosen];
}
