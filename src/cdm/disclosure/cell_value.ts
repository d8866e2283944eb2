import type { DisclosedValue } from "../../omop/disclosed/mod.ts";
import type { Counted } from "./decision.ts";
import { type DisclosureRules, leastShown } from "./rules.ts";
import { differingBuckets, type Statistic } from "./sketch.ts";

/** One statistic of a cell besides its persons. */
export interface CellValue extends Statistic {
  /** Persons who contribute to it, with a value that is not null. */
  readonly contributors: Counted;
  /**
   * For sums: the largest and the second-largest absolute sum of one person, and the sum of all of them. For sums of squares: the same of the
   * squared distances from the cell's mean.
   */
  readonly sums?: { readonly first: number; readonly second: number; readonly all: number } | undefined;
  /**
   * What is counted or summed. Means and standard deviations are computed from sums of values and of their squares. Squares that few persons
   * dominate are withheld alone.
   */
  readonly kind?: DisclosedValue["kind"] | undefined;
}

/**
 * Whether a statistic is 0 for all but a few of the persons who contribute to it, or one or two of them dominate it. Whether the contributors are
 * enough persons is decided by the ledger.
 *
 * @param value The statistic.
 * @param rules The rules in force.
 */
export function restsOnFew(value: CellValue, rules: DisclosureRules): boolean {
  const least = leastShown(rules);
  const filled = differingBuckets(value.sketch, [], least);
  const isFilled = filled >= least ||
    differingBuckets(value.contributors.sketch, [], least) - filled < rules.k;
  return !isFilled || dominated(value);
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
