/** What the audit holds of an answer that several tables were released for. */
import type { DisclosureFacts } from "./disclosure.ts";

/**
 * Adds up what was released and withheld.
 *
 * @param tables The facts of each table, that about all persons first.
 * @returns All but a fingerprint, which depends on what the answer is about.
 */
export function summedFacts(tables: readonly DisclosureFacts[]): Omit<DisclosureFacts, "fingerprint"> {
  const sum = (number: (facts: DisclosureFacts) => number) =>
    tables.reduce((all, facts) => all + number(facts), 0);
  return {
    persons: tables[0]?.persons ?? null,
    rows: sum(({ rows }) => rows),
    withheld: sum(({ withheld }) => withheld),
    adjusted: sum(({ adjusted }) => adjusted),
    derived: sum(({ derived }) => derived),
  };
}
