/** What the audit holds of answers. */

/** What the audit holds of an answer. Only released numbers of persons are in it. */
export interface DisclosureFacts {
  /** Equal for queries about the same persons and values, as long as the CDM is not loaded again. */
  readonly fingerprint: string;
  /** Persons of the whole table; null if that number is not released. */
  readonly persons: number | null;
  /** Cells that are shown, and that are not. */
  readonly rows: number;
  readonly withheld: number;
  /** Margins whose own number is not known to the caller. */
  readonly adjusted: number;
  /** Cells that were computed from earlier answers. */
  readonly derived: number;
}

/**
 * Adds up what was released and withheld for an answer that rests on several tables.
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
