/** Incidence rates and survival. */
import {
  type AnalysisRequest,
  cleanWindowWords,
  type GroupNames,
  incidenceCounts,
  incidenceTables,
  type RiskAnalysis,
  strataWords,
  survivalCounts,
  survivalTables,
  timeAtRiskWords,
} from "../../omop/analyses/mod.ts";
import type { TextRow } from "../../postgres/mod.ts";
import { type Call, type NamedOutcome, outcomeOf, type Plan } from "./call.ts";

/**
 * Incidence rates.
 *
 * @param call The call.
 */
export async function incidence(call: Call): Promise<Plan> {
  const { analysis, named, common } = await prepared(call);
  return {
    counts: [incidenceCounts(analysis)],
    finish: async ([rows = []]) => {
      const names = await groupNames(call, rows, 2);
      const { notes, ...tables } = incidenceTables(names, rows);
      return [
        incidenceWords(call.request, named, common),
        { ...tables, notes: [...named.warnings, ...notes] },
      ];
    },
  };
}

/**
 * What an incidence rate assumes, in words.
 *
 * @param request The analysis.
 * @param named Its outcome.
 * @param common Words about the time at risk.
 */
export function incidenceWords(request: AnalysisRequest, named: NamedOutcome, common: string): string {
  return `Incidence rate of ${named.words}: ${common}; all entries of a person, with overlapping times counted once; ${
    cleanWindowWords(request.clean_window_days)
  }; exact Poisson intervals (Garwood); a year is 365.25 days${
    strataWords(request, "the first day of each time at risk", true)
  }.`;
}

/**
 * Survival.
 *
 * @param call The call.
 */
export async function survival(call: Call): Promise<Plan> {
  const { analysis, named, common } = await prepared(call);
  return {
    counts: [survivalCounts(analysis)],
    finish: async ([rows = []]) => {
      const names = await groupNames(call, rows, 1);
      const { notes, ...tables } = survivalTables(names, rows, call.request.at_days);
      return [
        survivalWords(call.request, named, common),
        { ...tables, notes: [...named.warnings, ...notes] },
      ];
    },
  };
}

/**
 * What a survival analysis assumes, in words.
 *
 * @param request The analysis.
 * @param named Its outcome.
 * @param common Words about the time at risk.
 * @param how `byIntervals`: whether only numbers at the ends of intervals are known. @default {false}
 */
export function survivalWords(
  request: AnalysisRequest,
  named: NamedOutcome,
  common: string,
  { byIntervals = false } = {},
): string {
  const window = request.clean_window_days;
  return `Survival free of ${named.words}: ${common}; day 0 is the first day at risk; each person's first entry; persons with an earlier outcome${
    window === undefined ? "" : ` that ended at most ${window} days before`
  } are left out; censored at the end of the time at risk, ${
    byIntervals
      ? "half of an interval's censorings before its events; Kaplan–Meier of intervals"
      : "on the same day after events; Kaplan–Meier"
  } with Greenwood's intervals on the log(-log) scale${strataWords(request, "the first day at risk")}.`;
}

/** The outcome, and what is asked of it. */
export interface Prepared {
  readonly analysis: RiskAnalysis;
  readonly named: NamedOutcome;
  /** Words about the time at risk. */
  readonly common: string;
}

/**
 * Finds the outcome of an analysis of time at risk.
 *
 * @param call The call.
 */
export async function prepared(
  call: Pick<Call, "request" | "source" | "signal" | "cohort">,
): Promise<Prepared> {
  const { request, source } = call;
  const named = await outcomeOf(call);
  return {
    named,
    analysis: {
      source,
      outcome: named.outcome,
      timeAtRisk: request.time_at_risk,
      cleanWindow: request.clean_window_days,
      strata: request.strata,
      bands: request.age_bands,
    },
    common: timeAtRiskWords(request.time_at_risk),
  };
}

/**
 * How the groups of rows are named.
 *
 * @param call The call.
 * @param rows Rows with the strata.
 * @param from Where in a row the strata begin.
 */
export async function groupNames(call: Call, rows: readonly TextRow[], from: number): Promise<GroupNames> {
  const { request: { strata, age_bands: bands }, cohorts } = call;
  const at = strata.indexOf("gender");
  const genders = at < 0 ? [] : rows.flatMap((row) => row[from + at] ?? []).map(Number);
  return { strata, bands, cohorts, concepts: await call.rows.names(genders) };
}
