/** How a margin is answered, by what is withheld beneath it: rule R2 of the disclosure rules. */
import { type DisclosureRules, leastShown } from "./rules.ts";

/**
 * Whether each of w withheld cells of sum s, each of fewer than n persons, has a range of n − 1 numbers: from max(0, s − (w − 1)(n − 1)) to
 * min(n − 1, s).
 *
 * @param rest The sum s.
 * @param withheld How many they are, w.
 * @param rules The rules in force.
 */
export function isWide(rest: number, withheld: number, rules: DisclosureRules): boolean {
  const least = leastShown(rules);
  return rest >= least && rest - (withheld - 1) * (least - 1) <= 1;
}

/**
 * How a margin is answered: with its own numbers, with the sums of what is released beneath it, with its own number of persons and sums of
 * the rest, or not at all.
 */
type MarginAnswer = "own" | "own persons" | "sum" | "none";

/**
 * Chooses how a margin is answered.
 *
 * @param persons The margin's persons.
 * @param known The persons released beneath; undefined where they are withheld.
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
  if (mayBeExact && isWide(rest, withheld, rules)) return "own";
  return released.length === 0 ? "none" : "sum";
}

/** The sum. @param numbers What is added up. */
export function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
