/**
 * Sums of columns with few values. If all but a few persons have the same value, the sum and the number of persons reveal how many have another. If
 * all but a few have one of two values, the sum of squares reveals it. The ledger finds only such combinations whose factors are simple.
 */
import { differingBuckets, filledBuckets, type Statistic, type Term } from "./sketch.ts";

/** What a statistic is computed from: numbers of times others. */
export type Multiples<S> = readonly { readonly times: number; readonly of: S }[];

/**
 * Looks for numbers from which a statistic differs by fewer than k persons: a multiple of the number of its contributors, or a combination of that
 * number and another statistic.
 *
 * @param statistic A sum, or a sum of squares.
 * @param contributors The number of persons who have a value.
 * @param others Other sums about these.
 * @param k Fewer persons than this are protected.
 * @returns Undefined if there is none.
 */
export function asMultiples<S extends Statistic>(
  { sketch }: Statistic,
  contributors: S,
  others: readonly S[],
  k: number,
): Multiples<S> | undefined {
  const isNear = (terms: readonly Term[]) => differingBuckets(sketch, terms, k) < k;
  const at = (of: Statistic, bucket: number) => of.sketch[bucket] ?? 0;
  const filled = filledBuckets(contributors.sketch);
  // Fewer than k persons differ, so of k buckets at least one has none of them.
  for (const bucket of filled.slice(0, k)) {
    const times = (sketch[bucket] ?? 0) / at(contributors, bucket);
    if (isNear([{ times, sketch: contributors.sketch }])) return [{ times, of: contributors }];
  }
  for (const other of others) {
    // For the same reason, of k + 1 means of a bucket's persons, at least two are of buckets without a person who differs.
    const means = new Map(filled.map((bucket) => [at(other, bucket) / at(contributors, bucket), bucket]));
    const buckets = [...means.values()].slice(0, k + 1);
    for (const [index, a] of buckets.entries()) {
      for (const b of buckets.slice(index + 1)) {
        const whole = at(other, a) * at(contributors, b) - at(other, b) * at(contributors, a);
        const times = ((sketch[a] ?? 0) * at(contributors, b) - (sketch[b] ?? 0) * at(contributors, a)) /
          whole;
        const rest = ((sketch[b] ?? 0) * at(other, a) - (sketch[a] ?? 0) * at(other, b)) / whole;
        const found = [{ times, of: other }, { times: rest, of: contributors }];
        if (isNear(found.map(({ times, of }) => ({ times, sketch: of.sketch })))) return found;
      }
    }
  }
  return undefined;
}
