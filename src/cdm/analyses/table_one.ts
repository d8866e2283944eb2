/** Table one. */
import {
  type AnalysisRequest,
  attributeCounts,
  ATTRIBUTES,
  covariateCounts,
  type CovariateDays,
  covariateDays,
  numberSummaries,
  type ResultTables,
  strataWords,
  subjects,
  type TableOneAnalysis,
  tableOneTables,
} from "../../omop/analyses/mod.ts";
import type { TextRow } from "../../postgres/mod.ts";
import { type Call, type NamedSet, namedSet, type Plan } from "./call.ts";

/**
 * Table one.
 *
 * @param call The call.
 */
export async function tableOne(call: Call): Promise<Plan> {
  const { shared, counts, tables, warnings, covariates } = await demographics(call);
  return {
    shared,
    counts,
    finish: async (found) => {
      const { notes, ...rest } = await tables(found);
      return [
        tableOneWords(call.request, "SD of a sample, quartiles interpolated", covariates),
        { ...rest, notes: [...warnings, ...notes] },
      ];
    },
  };
}

/**
 * What a table one assumes, in words.
 *
 * @param request The analysis.
 * @param numbers How numbers are summarised.
 * @param covariates The covariates; empty: there are none.
 */
export function tableOneWords(request: AnalysisRequest, numbers: string, covariates: string): string {
  return `Table one: each person's first entry, whose start is the index date; age in completed years, prior observation and follow-up in days from the index date to the start and end of its observation period; shares of the group's persons; ${numbers}${
    strataWords(request, "the index date")
  }${covariates === "" ? "" : `; covariates: ${covariates}`}.`;
}

/** The covariates in words, and what is wrong with their concept sets. */
export interface NamedCovariates extends NamedSet {
  /** Empty: there are none. */
  readonly words: string;
}

/**
 * Finds the covariates' concepts.
 *
 * @param call The call.
 */
export async function namedCovariates(
  call: Pick<Call, "request" | "source" | "signal">,
): Promise<NamedCovariates> {
  const words: string[] = [];
  const warnings: string[] = [];
  for (const covariate of call.request.covariates) {
    const named = await namedSet(call, { items: covariate.items });
    words.push(`${covariate.name} is a record of ${named.words} ${daysText(covariateDays(covariate))}`);
    warnings.push(...named.warnings);
  }
  return { words: words.join("; "), warnings };
}

function daysText({ from, to }: CovariateDays): string {
  if (from === undefined) return `on any day up to ${to}`;
  return to === undefined ? `on any day from ${from}` : `in days ${from} to ${to}`;
}

/** Demographics: what is counted, and what is made of it. */
export interface Demographics extends Required<Pick<Plan, "shared" | "counts">> {
  /** Makes the tables of the rows of `counts`, which come first among those given. */
  readonly tables: (found: readonly (readonly TextRow[])[]) => Promise<ResultTables>;
  readonly warnings: readonly string[];
  /** The covariates in words. */
  readonly covariates: string;
}

/**
 * What persons are like on their index date.
 *
 * @param call The call.
 */
export async function demographics(call: Call): Promise<Demographics> {
  const { request, source } = call;
  const { strata, age_bands: bands, covariates } = request;
  const analysis: TableOneAnalysis = { source, strata, bands };
  const { words, warnings } = await namedCovariates(call);
  return {
    shared: [subjects(analysis)],
    counts: [
      numberSummaries(analysis),
      attributeCounts(analysis),
      ...covariates.map((covariate) => covariateCounts(analysis, covariate)),
    ],
    tables: async ([numbers = [], attributes = [], ...found]) => {
      // The genders of the strata are among these: everybody has a row of the attribute.
      const from = 1 + strata.length;
      const concepts = attributes.filter((row) => Number(row[from]) !== ATTRIBUTES.indexOf("age_group"))
        .flatMap((row) => row[from + 1] ?? []).map(Number);
      const names = { strata, bands, cohorts: call.cohorts, concepts: await call.rows.names(concepts) };
      return tableOneTables(names, {
        numbers,
        attributes,
        covariates: covariates.map(({ name }, at) => ({ name, rows: found[at] ?? [] })),
      });
    },
    warnings,
    covariates: words,
  };
}
