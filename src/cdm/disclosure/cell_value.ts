import type { DisclosureRules } from "./rules.ts";
import { differingBuckets, type Statistic } from "./sketch.ts";

/** One statistic of a cell besides its persons. */
export interface CellValue extends Statistic {
  /** Persons who contribute to it, with a value that is not null. */
  readonly contributors: number;
  /** For sums: the largest and the second-largest absolute sum of one person, and the sum of all of them. */
  readonly sums?: { readonly first: number; readonly second: number; readonly all: number } | undefined;
}

/**
 * Whether a statistic rests on fewer than k persons, on one or two of them for the most part, or is 0 for all but a few.
 *
 * @param value The statistic.
 * @param rules The rules in force.
 */
export function restsOnFew(value: CellValue, { k }: DisclosureRules): boolean {
  return value.contributors < k || differingBuckets(value.sketch, [], k) < k ||
    dominated(value);
}

/**
 * Whether one or two persons dominate a sum: two have 90 % of it, or the largest could be estimated to within 10 % by the second-largest
 * (ACRO's n-k and p % rules).
 */
function dominated({ sums }: CellValue): boolean {
  if (sums === undefined) return false;
  const { first, second, all } = sums;
  return first + second >= 0.9 * all || all - first - second < 0.1 * first;
}
