import type { Disclosure } from "../cdm/disclosure/mod.ts";

/**
 * Says which rules decide what leaves the database.
 *
 * @param disclosure What may leave it.
 */
export function disclosureLines({ rules }: Pick<Disclosure, "rules">): readonly string[] {
  return [
    "Rows stay in the database: query_omop answers with numbers on groups of persons.",
    `Rules: ${rules.preset}: each number rests on at least ${rules.k} persons${
      rules.roundTo > 1 ? ` and is rounded to a multiple of ${rules.roundTo}` : ""
    }; a caller may learn at most ${rules.budget.toLocaleString("en")} numbers.`,
  ];
}
