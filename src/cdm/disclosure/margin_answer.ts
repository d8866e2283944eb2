/** How a margin is answered, by what is withheld beneath it: rule R2 of the disclosure rules. */
import { type DisclosureRules, leastShown } from "./rules.ts";

/** Cells that are withheld beneath a number that is known. */
export interface WithheldCells {
  /** Their persons together. */
  readonly sum: number;
  /** How many are of too few persons: of fewer than n. */
  readonly few: number;
  /** How many others are withheld to protect them, each of n persons or more, and the most that one may have. */
  readonly protecting?: { readonly count: number; readonly most: number } | undefined;
}

/**
 * Whether the number of each cell of too few persons can be any of at least k numbers. If f such cells have s persons together, each has from
 * max(0, s − (f − 1)(n − 1)) to min(n − 1, s) persons. If other cells are withheld to protect these, the caller knows s only as a range.
 *
 * @param cells What is withheld.
 * @param rules The rules in force.
 */
export function isWide({ sum, few, protecting }: WithheldCells, rules: DisclosureRules): boolean {
  const least = leastShown(rules);
  if (sum < least) return false;
  const { count, most } = protecting ?? { count: 0, most: 0 };
  const fewest = count === 0 ? sum : sum - count * most;
  const low = Math.max(0, fewest - (few - 1) * (least - 1));
  const high = Math.min(least - 1, sum - count * least);
  return high - low >= rules.k - 1;
}

/**
 * How a margin is answered: with its own numbers; with the sums of the released numbers beneath it; with its own number of persons, and such sums
 * for all else; not at all.
 */
type MarginAnswer = "own" | "own persons" | "sum" | "none";

/**
 * Chooses how a margin is answered.
 *
 * @param persons The margin's persons.
 * @param known The persons released beneath; undefined if they are withheld.
 * @param mayBeExact Whether margins of this level may be exact.
 */
export function marginAnswer(
  persons: number,
  known: readonly (number | undefined)[],
  mayBeExact: boolean,
  rules: DisclosureRules,
): MarginAnswer {
  const released = known.filter((number) => number !== undefined);
  const withheld = known.length - released.length;
  const rest = persons - sumOf(released);
  // Groups overlap: their sum counts persons twice, and the number of persons reveals nothing about what is withheld. Records and sums are
  // added up all the same.
  if (rest <= -leastShown(rules)) return withheld === 0 ? "own" : "own persons";
  if (mayBeExact && isWide({ sum: rest, few: withheld }, rules)) return "own";
  return released.length === 0 ? "none" : "sum";
}

/** The sum. @param numbers What is added up. */
export function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
