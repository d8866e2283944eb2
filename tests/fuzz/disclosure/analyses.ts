/** Analyses of a cohort, through the real statements and decisions, as an attacker asks for them. */
import type { RawBuilder } from "kysely";
import { DisclosedAnalyses } from "../../../src/cdm/analyses/mod.ts";
import type { DisclosedSource, Disclosure } from "../../../src/cdm/disclosure/mod.ts";
import { OmcpError } from "../../../src/errors.ts";
import { disclosedAnalysisSchema } from "../../../src/omop/analyses/mod.ts";
import type { Analysis } from "./attacks.ts";

/** What the analyses are asked for besides the cohort and the outcome. */
const ARGUMENTS: Readonly<Record<Analysis, Readonly<Record<string, unknown>>>> = {
  prevalence: { periods: { type: "period", every: "year", from: "2010-01-01", to: "2019-12-31" } },
  incidence_rate: { time_at_risk: { end_with: "observation_end" } },
  survival: { time_at_risk: { end_with: "observation_end" }, at_days: [365, 1_095] },
  table_one: {},
  characterize: { top: 5 },
};
/** Analyses that have an outcome. */
const WITH_OUTCOME: ReadonlySet<Analysis> = new Set(["prevalence", "incidence_rate", "survival"]);

/**
 * All numbers that an analysis shows.
 *
 * @param which The analysis.
 * @param how The database, what may leave it, who asks, the cohort, and the outcome's concept.
 * @returns Undefined where the cohort is not analysed.
 */
export async function analysisOf(
  which: Analysis,
  { source, disclosure, principal, cohort, outcome }: {
    readonly source: DisclosedSource;
    readonly disclosure: Disclosure;
    readonly principal: string;
    readonly cohort: RawBuilder<unknown>;
    readonly outcome: number;
  },
): Promise<string | undefined> {
  const request = disclosedAnalysisSchema.parse({
    analysis: which,
    cohort: "attacked",
    ...WITH_OUTCOME.has(which) ? { outcome: { items: [{ concept_id: outcome }] } } : {},
    ...ARGUMENTS[which],
  });
  try {
    const { result: { notes, table, shown } } = await new DisclosedAnalyses(source, disclosure).run(request, {
      principal,
      cohort: () => cohort,
      ms: 60_000,
      signal: new AbortController().signal,
    });
    return table.rows.length === 0 ? undefined : JSON.stringify({ notes, table, shown });
  } catch (error) {
    if (error instanceof OmcpError && error.code === "disclosure_not_allowed") return undefined;
    throw error;
  }
}
