import { QUALITY_CHECKS, type QualityCheck, type QualityCheckId } from "./checks.ts";

/** The counts of one check in one table. */
export interface TableCount {
  readonly table: string;
  /** Records that violate the check. */
  readonly found: number;
  /** Records that it is about. */
  readonly of: number;
}

/** `failed`: a table exceeds the threshold. `look`: Achilles counts them, and leaves the judgement to a person. */
export type Verdict = "passed" | "failed" | "look";

/** What a check found in all tables. */
export interface QualityFinding extends QualityCheck {
  readonly id: QualityCheckId;
  readonly verdict: Verdict;
  /** Its tables with records that violate it, the largest share first. */
  readonly tables: readonly TableCount[];
  readonly found: number;
  readonly of: number;
}

/**
 * Judges counts as DQD does: table by table, by the share of the records.
 *
 * @param counts Check → its counts.
 * @returns A finding for each check that was counted, in the order of {@link QUALITY_CHECKS}.
 */
export function findings(
  counts: ReadonlyMap<QualityCheckId, readonly TableCount[]>,
): readonly QualityFinding[] {
  return CHECK_IDS.flatMap((id): QualityFinding[] => {
    const all = counts.get(id);
    if (all === undefined) return [];
    const check: QualityCheck = QUALITY_CHECKS[id];
    const tables = all.filter(({ found }) => found > 0).sort((a, b) => percent(b) - percent(a));
    return [{
      ...check,
      id,
      verdict: verdictOf(check, tables),
      tables,
      found: tables.reduce((sum, { found }) => sum + found, 0),
      of: all.reduce((sum, { of }) => sum + of, 0),
    }];
  });
}

const CHECK_IDS = Object.keys(QUALITY_CHECKS).filter((name): name is QualityCheckId =>
  Object.hasOwn(QUALITY_CHECKS, name)
);

function verdictOf({ threshold }: QualityCheck, tables: readonly TableCount[]): Verdict {
  if (threshold !== undefined) {
    return tables.some((count) => percent(count) > threshold) ? "failed" : "passed";
  }
  return tables.length > 0 ? "look" : "passed";
}

/**
 * The share of records that violate a check.
 *
 * @param count Its counts in a table.
 * @returns Percent, 0 if there are no records.
 */
export function percent({ found, of }: Pick<TableCount, "found" | "of">): number {
  return of === 0 ? 0 : found * 100 / of;
}
