/** How far a standardised mean difference of released numbers may be from that of the records. */
import { proportionDifference } from "../statistics/mod.ts";
import { shownNumber } from "./result.ts";
import type { Line, Summary } from "./table_one_charts.ts";

/** Limits of a difference; infinite if nothing limits it. */
export interface SmdRange {
  readonly lower: number;
  readonly upper: number;
}

/** A group's number, its persons, and by how many persons each may be off. */
interface SharePart {
  readonly count: number;
  readonly of: number;
  readonly slack: number;
}

/** A summary, and by how many persons its numbers may be off. */
type MeanPart = Summary & { readonly slack: number };

/** The values of those persons are not known; they are assumed to be within this many standard deviations of the mean. */
const VALUES_WITHIN = 3;
/** From here on, a difference counts as an imbalance (Austin 2009). */
const IMBALANCE = 0.1;

/** The range of the difference of two shares. It rises with the first share and falls with the second one, so its limits are at theirs. */
function shareRange(first: SharePart, second: SharePart): SmdRange {
  const [a, b] = [limitsOf(first), limitsOf(second)];
  // Undefined: nobody of one group, everybody of the other.
  return {
    lower: proportionDifference(a.lower, b.upper) ?? -Infinity,
    upper: proportionDifference(a.upper, b.lower) ?? Infinity,
  };
}

function limitsOf({ count, of, slack }: SharePart): SmdRange {
  return {
    lower: Math.max(0, count - slack) / (of + slack),
    upper: of > slack ? Math.min(1, (count + slack) / (of - slack)) : 1,
  };
}

/**
 * The range of the difference of two means, with the standard deviations as they are shown. A mean is a sum divided by a number of persons. These two
 * may be of slightly different persons, whose values are taken to be within {@link VALUES_WITHIN}.
 */
function meanRange(first: MeanPart, second: MeanPart): SmdRange {
  const difference = first.mean - second.mean;
  const off = offOf(first) + offOf(second);
  const pooled = Math.sqrt(((first.sd ?? 0) ** 2 + (second.sd ?? 0) ** 2) / 2);
  if (pooled === 0 || off === Infinity) return { lower: -Infinity, upper: Infinity };
  return { lower: (difference - off) / pooled, upper: (difference + off) / pooled };
}

function offOf({ count, mean, sd, slack }: MeanPart): number {
  return count > slack ? slack * (VALUES_WITHIN * (sd ?? 0) + Math.abs(mean)) / (count - slack) : Infinity;
}

/**
 * Whether a difference is an imbalance wherever in its range it is.
 *
 * @param range The range.
 */
function isImbalance({ lower, upper }: SmdRange): boolean {
  return lower > IMBALANCE || upper < -IMBALANCE;
}

/**
 * The range of a line's difference.
 *
 * @param line The line, which has a difference.
 * @param persons Persons of each group.
 * @param slack By how many persons each number may be off; one that was computed from earlier answers, by twice as many.
 */
export function rangeOf(
  { summaries, counts, derived }: Line,
  persons: readonly number[],
  slack: number,
): SmdRange {
  const slackAt = (at: number) => derived?.[at] === true ? 2 * slack : slack;
  const [n = 0, m = 0] = persons;
  const [first, second] = summaries ?? [];
  const [own, its] = [slackAt(0), slackAt(1)];
  if (first !== undefined && second !== undefined) {
    return meanRange({ ...first, slack: own }, { ...second, slack: its });
  }
  const [a = 0, b = 0] = counts ?? [];
  return shareRange({ count: a, of: n, slack: own }, { count: b, of: m, slack: its });
}

/**
 * A difference with its range for reading.
 *
 * @param smd The difference.
 * @param range Its range.
 */
export function rangeText(smd: number, range: SmdRange): string {
  const limit = (value: number) => Number.isFinite(value) ? shownNumber(value, 3) : "any";
  return `${shownNumber(smd, 3)} (${limit(range.lower)} to ${limit(range.upper)})${
    isImbalance(range) ? ", imbalance" : ""
  }`;
}

/**
 * What a reader must know of ranges.
 *
 * @param slack By how many persons each number may be off.
 */
export function rangeWords(slack: number): string {
  return `in parentheses its range, as each number may be off by up to ${slack} persons, one with ~ by ${
    2 * slack
  } (of a mean, with values within ${VALUES_WITHIN} SD of it), and for more where an earlier table hid groups. It is an imbalance only where the ` +
    `whole range is beyond ${IMBALANCE}; elsewhere nothing follows from it.`;
}

/**
 * A range as values of a DataFrame.
 *
 * @param range The range; undefined: there is no difference.
 * @returns Null for a limit that is not there.
 */
export function rangeValues(range: SmdRange | undefined): readonly (number | null)[] {
  return [range?.lower, range?.upper].map((limit) =>
    limit !== undefined && Number.isFinite(limit) ? limit : null
  );
}
