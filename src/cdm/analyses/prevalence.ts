/** Prevalence. */
import { OmcpError } from "../../errors.ts";
import {
  type AnalysisRequest,
  type Period,
  periodsOf,
  type PrevalenceAnalysis,
  prevalenceCounts,
  prevalenceTables,
  strataWords,
} from "../../omop/analyses/mod.ts";
import { type Call, type NamedOutcome, outcomeOf, type Plan } from "./call.ts";
import { countPopulation } from "./population.ts";
import { groupNames } from "./time_at_risk.ts";

/** The most periods of an analysis. */
const MOST_PERIODS = 400;

/**
 * Point or period prevalence.
 *
 * @param call The call.
 */
export async function prevalence(call: Call): Promise<Plan> {
  const { request, source } = call;
  const named = await outcomeOf(call);
  const periods = periodsWithin(request, await rangeOf(call));
  const { words, ...how } = prevalenceWords(request, named);
  const { strata, age_bands: bands } = request;
  return {
    counts: [prevalenceCounts({ source, outcome: named.outcome, periods, strata, bands, ...how })],
    finish: async ([rows = []]) => {
      const { notes, ...tables } = prevalenceTables(await groupNames(call, rows, 3), rows, periods);
      return [words, { ...tables, notes: [...named.warnings, ...notes] }];
    },
  };
}

/**
 * The periods of an analysis.
 *
 * @param request The analysis.
 * @param range The first and the last day.
 * @throws {OmcpError} `invalid_argument` if they are too many.
 */
export function periodsWithin({ periods: asked }: AnalysisRequest, range: Period): readonly Period[] {
  const periods = periodsOf(asked, range, MOST_PERIODS);
  if (periods !== undefined) return periods;
  throw new OmcpError(
    "invalid_argument",
    `Cannot use periods of a ${asked.every} from ${range.from} to ${range.to}: there are more than ${MOST_PERIODS}`,
    { next: "Pass periods.from and periods.to, or longer periods." },
  );
}

/**
 * What an analysis assumes.
 *
 * @param request The analysis.
 * @param named Its outcome.
 * @returns The assumptions, and the same in words.
 */
export function prevalenceWords(
  request: AnalysisRequest,
  named: NamedOutcome,
): Pick<PrevalenceAnalysis, "throughout" | "lookback"> & { readonly words: string } {
  const { periods: asked, outcome } = request;
  const lookback = asked.lookback_days ?? (outcome?.cohort === undefined ? undefined : 0);
  const point = asked.type === "point";
  return {
    throughout: asked.full_observation && !point,
    lookback,
    words: `${
      point ? "Point" : "Period"
    } prevalence of ${named.words}: of the persons who are under observation and in the cohort ${
      point
        ? "on each day"
        : asked.full_observation
        ? "on every day of each period"
        : "on at least one day of each period"
    }, those with the outcome on such a day; an outcome counts from its start ${
      lookback === undefined ? "on, forever" : `to ${lookback} days after its end`
    }; Wilson's intervals${strataWords(request, "the first such day")}.`,
  };
}

/** The days that are asked for, else those on which anybody is there. */
async function rangeOf(call: Call): Promise<Period> {
  const { from, to } = call.request.periods;
  if (from !== undefined && to !== undefined && from <= to) return { from, to };
  const { days } = await countPopulation(call);
  const range = { from: from ?? days.from, to: to ?? days.to };
  if (range.from > range.to) {
    throw new OmcpError(
      "invalid_argument",
      `Cannot use the days from ${range.from} to ${range.to}: the first is after the last`,
      { next: `Persons are under observation from ${days.from} to ${days.to}.` },
    );
  }
  return range;
}
