import { type DisclosureRules, leastShown, slackOf } from "../cdm/disclosure/mod.ts";

/**
 * Says which rules decide what leaves the database, and what a caller may still ask for.
 *
 * @param rules The rules in force.
 * @param remaining Numbers that the caller may still learn.
 */
export function disclosureLines(rules: DisclosureRules, remaining: number): readonly string[] {
  const { preset, k, roundTo, budget } = rules;
  const least = leastShown(rules);
  return [
    "Rows stay in the database: query_omop answers with numbers on groups of persons.",
    `Rules: ${preset}: each number rests on at least ${least} persons (2k − 1, k = ${k})${
      roundTo > 1 ? ` and is rounded to a multiple of ${roundTo}` : ""
    }; groups of fewer, and none, are absent.`,
    `A question about the same persons as an earlier one, but for fewer than ${least}, gets that one's number; a number that would reveal fewer ` +
    "together with several earlier ones is computed from those, and marked ~.",
    "At most three group columns; birth years in bands of five, dates by months; texts, identifiers, providers and places are hidden; " +
    "sums and means have three significant digits; these and numbers of records are absent if one or two persons dominate them.",
    `You may learn ${remaining.toLocaleString("en")} more of ${
      budget.toLocaleString("en")
    } numbers, margins included; repeated ones are free.`,
  ];
}

/**
 * Says what a caller may still ask for.
 *
 * @param remaining Numbers that the caller may still learn.
 */
export function remainingLine(remaining: number): string {
  return `${remaining.toLocaleString("en")} more numbers may be asked for; repeated ones are free.`;
}

/**
 * What a reader must know of released numbers.
 *
 * @param rules The rules in force.
 * @param shown Whether one was computed from earlier answers; numbers that the caller may still learn.
 * @returns Lines.
 */
export function numberNotes(
  rules: DisclosureRules,
  { derived, remaining }: { readonly derived: boolean; readonly remaining: number },
): readonly string[] {
  const { preset, roundTo } = rules;
  const least = leastShown(rules);
  return [
    `Each number rests on at least ${least} persons (rules: ${preset}${
      roundTo > 1 ? `, rounded to ${roundTo}` : ""
    }). Groups that do not, or that would reveal few persons together with earlier answers, are not shown, nor how many they are.`,
    `Each number, with or without ~, may be off by up to ${
      slackOf(rules)
    } persons: a question about nearly the same persons as an earlier one gets that one's number, so that a group can show the number of all persons that it is part of. A sum, mean or standard deviation that is not known for that one is then withheld (null). A row of questions that each change few persons can keep it, and it is then off by more.`,
    ...(derived
      ? [
        "~ computed from several earlier answers instead of the records: exact where these are, else off by about as much, or by all groups that an earlier table did not show.",
      ]
      : []),
    remainingLine(remaining),
  ];
}
