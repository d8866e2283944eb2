/** What an analysis may ask for where rows must not leave the database: rules R2 and R6 of the disclosure rules. */
import { OmcpError } from "../../../errors.ts";
import type { AnalysisRequest, Period } from "../../../omop/analyses/mod.ts";
import { AGE_BAND, requireCoarse } from "../../../omop/disclosed/mod.ts";

/** The most strata, so that a table has at most three group columns. */
const MOST_STRATA: Readonly<Partial<Record<AnalysisRequest["analysis"], number>>> = {
  // The period is the third column.
  prevalence: 2,
  // The end of the interval is the third column.
  survival: 2,
  // The attribute is the third column.
  table_one: 2,
};

/**
 * Refuses groups that are finer than the rules allow.
 *
 * @param request The analysis.
 * @throws {OmcpError} `disclosure_not_allowed`.
 */
export function requireDisclosable({ analysis, strata, age_bands: bands }: AnalysisRequest): void {
  const finer = bands.filter((age) => age % AGE_BAND !== 0);
  if (finer.length > 0) {
    const coarse = new Set(bands.map((age) => Math.max(AGE_BAND, age - age % AGE_BAND)));
    throw new OmcpError("disclosure_not_allowed", `Cannot use age_bands with ${finer.join(", ")}`, {
      next: `Use multiples of ${AGE_BAND}: ${JSON.stringify([...coarse])}.`,
    });
  }
  const most = MOST_STRATA[analysis];
  if (most !== undefined && strata.length > most) {
    throw new OmcpError("disclosure_not_allowed", `Cannot use ${strata.length} strata in ${analysis}`, {
      next: `Use at most ${most}.`,
    });
  }
}

/**
 * The days of an analysis by periods. Without them it would begin with the first day of anybody's observation, which is one person's.
 *
 * @param periods What is asked for.
 * @throws {OmcpError} `invalid_argument` without them, `disclosure_not_allowed` if they are not those of whole months.
 */
export function requireMonths({ from, to }: AnalysisRequest["periods"]): Period {
  if (from === undefined || to === undefined) {
    throw new OmcpError(
      "invalid_argument",
      "Cannot choose the periods: periods.from or periods.to is missing",
      {
        next: 'Pass both, such as "periods": {"every": "year", "from": "2015-01-01", "to": "2020-12-31"}.',
      },
    );
  }
  if (from > to) {
    throw new OmcpError(
      "invalid_argument",
      `Cannot use the days from ${from} to ${to}: the first is after the last`,
      { next: "Exchange them." },
    );
  }
  requireCoarse("periods", { kind: "date", from, to });
  return { from, to };
}
