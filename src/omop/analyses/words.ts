/** What an analysis assumes, in words. */
import type { AnalysisRequest } from "./schema.ts";

/**
 * The time at risk.
 *
 * @param time The definition.
 */
export function timeAtRiskWords(time: AnalysisRequest["time_at_risk"]): string {
  const { start_with, start_offset, end_with, end_offset } = time;
  const ends = { start: "start", end: "end", observation_end: "observation period's end" };
  return `time at risk from the cohort's ${ends[start_with]}${offsetWords(start_offset)} to ${
    end_with === "observation_end" ? "the" : "its"
  } ${ends[end_with]}${
    offsetWords(end_offset)
  }, censored at the end of the observation period, both days counted`;
}

function offsetWords(days: number): string {
  if (days === 0) return "";
  return days > 0 ? ` + ${days} days` : ` - ${-days} days`;
}

/**
 * Which outcomes count.
 *
 * @param days The clean window.
 */
export function cleanWindowWords(days: number | undefined): string {
  return days === undefined
    ? "only a person's first-ever outcome counts, and the time after it does not"
    : `an outcome takes the person out of the time at risk from the next day to ${days} days after its end`;
}

/**
 * What strata are of.
 *
 * @param request The analysis.
 * @param day The day that ages and years are of.
 * @param splits Whether the stratum year splits time. @default false
 */
export function strataWords(
  { strata }: Pick<AnalysisRequest, "strata">,
  day: string,
  splits = false,
): string {
  const parts = [
    ...(strata.includes("age_group") ? [`age in completed years on ${day}`] : []),
    ...(strata.includes("year") ? [splits ? "time split at new year" : `year of ${day}`] : []),
  ];
  return parts.map((part) => `; ${part}`).join("");
}
