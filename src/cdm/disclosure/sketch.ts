/**
 * Sketches of sets of persons. Each person has a secret bucket and a secret weight; the sketch of a statistic has, for each bucket, the sum of
 * weight × contribution over its persons. Sketches are linear: the sketch of a difference of statistics is the difference of their sketches.
 * Statistics that differ in d buckets differ in at least d persons, so a small difference is never missed. Persons who share a bucket can only make
 * a difference look smaller than it is, which is safe.
 */

/** How many buckets a sketch has: a power of 2. */
export const BUCKETS = 1_024;

/** A linear statistic: the number of persons, of their records, or a sum of their values. */
export interface Statistic {
  /** Its true value. */
  readonly value: number;
  /** Its sketch, of {@link BUCKETS} numbers. */
  readonly sketch: Float64Array;
}

/** One term of a combination: a number of times a sketch. */
export interface Term {
  readonly times: number;
  readonly sketch: Float64Array;
}

const ALL: readonly number[] = Array.from({ length: BUCKETS }, (_, bucket) => bucket);

/** Rounding of sums of decimal values, relative to the largest number of a bucket. */
const TOLERANCE = 1e-9;

/**
 * Counts the buckets in which a sketch differs from a combination of others.
 *
 * @param sketch The sketch.
 * @param terms The combination.
 * @param limit The count at which it stops.
 * @param among The buckets to look at. @default all
 * @returns The number of buckets, at most `limit`. At least that many persons differ.
 */
export function differingBuckets(
  sketch: Float64Array,
  terms: readonly Term[],
  limit: number,
  among: readonly number[] = ALL,
): number {
  let differing = 0;
  for (const bucket of among) {
    let rest = sketch[bucket] ?? 0;
    let size = Math.abs(rest);
    for (const { times, sketch: other } of terms) {
      const part = times * (other[bucket] ?? 0);
      rest -= part;
      size += Math.abs(part);
    }
    if (Math.abs(rest) > TOLERANCE * size) {
      differing += 1;
      if (differing >= limit) return limit;
    }
  }
  return differing;
}

/**
 * Counts the buckets in which two sketches differ, as {@link differingBuckets} does, but faster: each question needs this for each earlier one.
 *
 * @param sketch The one.
 * @param other The other one.
 * @param limit The count at which it stops.
 * @returns The number of buckets, at most `limit`.
 */
export function differingFrom(sketch: Float64Array, other: Float64Array, limit: number): number {
  let differing = 0;
  for (let bucket = 0; bucket < BUCKETS && differing < limit; bucket += 1) {
    if (!isSame(sketch[bucket] ?? 0, other[bucket] ?? 0)) differing += 1;
  }
  return differing;
}

/** The sketch of nobody; it must not be changed. A table may have tens of thousands of cells of too few persons, which come without a sketch. */
export const EMPTY: Float64Array = new Float64Array(BUCKETS);

/**
 * Reads a sketch as the database gives it.
 *
 * @param buckets The buckets that are not empty.
 * @param sums The sum of each of these.
 * @returns The sketch; it must not be changed.
 * @throws {RangeError} If they do not fit together.
 */
export function sketchOf(buckets: readonly number[], sums: readonly number[]): Float64Array {
  if (buckets.length !== sums.length) throw new RangeError("A sketch has a number for each bucket");
  if (buckets.length === 0) return EMPTY;
  const sketch = new Float64Array(BUCKETS);
  buckets.forEach((bucket, at) => {
    if (!Number.isInteger(bucket) || bucket < 0 || bucket >= BUCKETS) {
      throw new RangeError(`A sketch has no bucket ${bucket}`);
    }
    sketch[bucket] = sums[at] ?? 0;
  });
  return sketch;
}

/** The buckets of a sketch that are not empty, ascending. @param sketch The sketch. */
export function filledBuckets(sketch: Float64Array): readonly number[] {
  const filled: number[] = [];
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) if (sketch[bucket] !== 0) filled.push(bucket);
  return filled;
}

/** What is added to one sketch to get another one: the buckets, ascending, in which they differ. */
export interface Numbers {
  readonly buckets: Uint16Array;
  readonly numbers: Float64Array;
}

/**
 * The difference of a sketch from another one.
 *
 * @param sketch The sketch.
 * @param other The other one.
 */
export function differences(sketch: Float64Array, other: Float64Array): Numbers {
  const buckets = ALL.filter((bucket) => !isSame(sketch[bucket] ?? 0, other[bucket] ?? 0));
  return {
    buckets: Uint16Array.from(buckets),
    numbers: Float64Array.from(buckets, (bucket) => (sketch[bucket] ?? 0) - (other[bucket] ?? 0)),
  };
}

/**
 * In how many buckets two differences differ.
 *
 * @param one The first one.
 * @param other The second one.
 * @param sign -1: the opposite of the second one.
 */
export function distanceOf(one: Numbers, other: Numbers, sign: 1 | -1): number {
  let [a, b, distance] = [0, 0, 0];
  while (a < one.buckets.length || b < other.buckets.length) {
    const first = one.buckets[a] ?? BUCKETS;
    const second = other.buckets[b] ?? BUCKETS;
    if (first !== second || !isSame(one.numbers[a] ?? 0, sign * (other.numbers[b] ?? 0))) distance += 1;
    if (first <= second) a += 1;
    if (second <= first) b += 1;
  }
  return distance;
}

/**
 * How many buckets two differences have in common, with the same number or its opposite: about as many persons as are in both.
 *
 * @param one The first one.
 * @param other The second one.
 */
export function sharedBuckets(one: Numbers, other: Numbers): number {
  let [a, b, shared] = [0, 0, 0];
  while (a < one.buckets.length && b < other.buckets.length) {
    const first = one.buckets[a] ?? BUCKETS;
    const second = other.buckets[b] ?? BUCKETS;
    if (first === second && isSame(Math.abs(one.numbers[a] ?? 0), Math.abs(other.numbers[b] ?? 0))) {
      shared += 1;
    }
    if (first <= second) a += 1;
    if (second <= first) b += 1;
  }
  return shared;
}

/** The sketch of a combination. @param terms Its terms. */
export function combined(terms: readonly Term[]): Float64Array {
  const sum = new Float64Array(BUCKETS);
  for (const { times, sketch } of terms) {
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      sum[bucket] = (sum[bucket] ?? 0) + times * (sketch[bucket] ?? 0);
    }
  }
  return sum;
}

/** The sketch that differs so from the sketch of nobody. @param difference The differences. */
export function asSketch({ buckets, numbers }: Numbers): Float64Array {
  const sketch = new Float64Array(BUCKETS);
  buckets.forEach((bucket, at) => sketch[bucket] = numbers[at] ?? 0);
  return sketch;
}

function isSame(a: number, b: number): boolean {
  return a === b || Math.abs(a - b) <= TOLERANCE * (Math.abs(a) + Math.abs(b));
}
