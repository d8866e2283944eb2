/** How much the released sets reveal about each of their members: rule R5 of the disclosure rules. */

import { type Numbers, sharedBuckets, type Statistic } from "./sketch.ts";

/** The number of persons in each bucket of a sketch; 255 for more, which count as 2. */
export type PersonCounts = Uint8ClampedArray;

/** A set of persons that was released, small enough to reveal something about its members. */
export interface SmallSet {
  readonly persons: number;
  /** Persons in each bucket of its sketch. */
  readonly counts: PersonCounts;
  readonly sketch: Float64Array;
}

/** A larger set reveals less than 0.02 bits about a member. */
const SMALL_SET = 512;
/** Bits per member from which on no further set is released. */
export const MOST_LOAD = 0.5;

/**
 * A statistic as a small set.
 *
 * @param statistic The statistic, with the persons of each bucket if it is a number of persons.
 * @returns Undefined if it is not a number of persons, or of many.
 */
export function smallSet(
  { value, sketch, counts }: Statistic & { readonly counts?: PersonCounts | undefined },
): SmallSet | undefined {
  return counts === undefined || value > SMALL_SET ? undefined : { persons: value, counts, sketch };
}

/**
 * The bits that the released sets reveal about a member of a set, on average: Σ |S ∩ Sᵢ| ÷ |S| · log₂(|Sᵢ| + 1) ÷ |Sᵢ|.
 *
 * @param set The set S.
 * @param released The released sets Sᵢ.
 */
export function loadOf(set: SmallSet, released: readonly SmallSet[]): number {
  const single = [...set.counts.keys()].filter((bucket) => set.counts[bucket] === 1);
  let load = 0;
  for (const other of released) {
    load += overlap(set, other, single) * bitsPerMember(other.persons);
  }
  return load;
}

/**
 * The bits that repeated answers reveal about a member of a difference, on average. Which answer a set gets shows that it is near that one, which
 * is taken for a bit. With as many bits as a number of persons has, survival curves, whose sets lie within each other, lose their last days.
 *
 * @param difference What a set differs in from the one whose answer it would get, not in nobody.
 * @param repeated What those differed in that got an answer so.
 */
export function loadOfDifference(difference: Numbers, repeated: Iterable<Numbers>): number {
  let load = 0;
  for (const other of repeated) {
    load += sharedBuckets(difference, other) / difference.buckets.length / other.buckets.length;
  }
  return load;
}

function bitsPerMember(persons: number): number {
  return Math.log2(persons + 1) / persons;
}

/**
 * Estimates which part of a set is also in another. If a bucket has one person of each set, equal sums mean the same person. The estimate assumes
 * that the rest of the set is like the persons of these buckets.
 *
 * @param single The buckets in which the set has one person.
 */
function overlap(set: SmallSet, other: SmallSet, single: readonly number[]): number {
  let compared = 0;
  let same = 0;
  for (const bucket of single) {
    const others = other.counts[bucket] ?? 0;
    if (others > 1) continue;
    compared += 1;
    if (others === 1 && set.sketch[bucket] === other.sketch[bucket]) same += 1;
  }
  return compared === 0 ? 0 : same / compared;
}
