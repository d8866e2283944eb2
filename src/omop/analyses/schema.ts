/** The arguments of an analysis. */
import * as z from "zod";
import { conceptSetSchema } from "../concepts/mod.ts";

/** The analyses. */
export const ANALYSES = ["characterize", "table_one", "prevalence", "incidence_rate", "survival"] as const;

/** What groups can be made of. */
export const STRATA = ["gender", "age_group", "year"] as const;

/** One of {@link STRATA}. */
export type Stratum = typeof STRATA[number];

/** The most days of an offset or a window: 100 years. */
const MOST_DAYS = 36_525;
const DEFAULT_BANDS = [18, 35, 50, 65, 80];

const offset = z.int().min(-MOST_DAYS).max(MOST_DAYS);
const days = z.int().min(0).max(MOST_DAYS);
const cohort = z.string().min(1).max(100);
const items = conceptSetSchema.shape.items;
const date = z.iso.date();

/** The arguments of every analysis; each takes those that concern it. */
export const analysisSchema = z.strictObject({
  analysis: z.enum(ANALYSES),
  cohort: cohort.optional().describe(
    "A cohort of define_cohort. Default: everybody from the start to the end of each observation period.",
  ),
  comparator: cohort.optional().describe("A second cohort, as a group beside the first."),
  outcome: z.strictObject({
    cohort: cohort.optional(),
    items: items.optional().describe(
      "Concept set: records in any clinical table are events on their start date.",
    ),
    death: z.literal(true).optional(),
  }).optional().describe("For incidence_rate, survival and prevalence: one of these."),
  time_at_risk: z.strictObject({
    start_with: z.enum(["start", "end"]).default("start"),
    start_offset: offset.default(0),
    end_with: z.enum(["start", "end", "observation_end"]).default("end"),
    end_offset: offset.default(0),
  }).prefault({}).describe(
    "For incidence_rate and survival: days relative to the cohort's start or end, never beyond the observation period.",
  ),
  clean_window_days: days.optional().describe(
    "Days after an outcome in which a person is not at risk. Default: forever, so only first-ever outcomes count.",
  ),
  strata: z.array(z.enum(STRATA)).max(STRATA.length).default([]).describe(
    "Groups, all combined. year splits time at risk.",
  ),
  age_bands: z.array(z.int().min(1).max(120)).min(1).max(20).default(DEFAULT_BANDS).describe(
    "The youngest age of each group but the first.",
  ),
  periods: z.strictObject({
    type: z.enum(["point", "period"]).default("point"),
    every: z.enum(["month", "quarter", "year", "all"]).default("year"),
    from: date.optional(),
    to: date.optional(),
    full_observation: z.boolean().default(false).describe("type period: only those observed throughout."),
    lookback_days: days.optional().describe(
      "Days after its end that an outcome still counts. Default: 0 for a cohort, else forever.",
    ),
  }).prefault({}).describe("For prevalence: on the first day of each period, or at any time in it."),
  covariates: z.array(z.strictObject({
    name: z.string().min(1).max(80),
    items,
    from_day: offset.optional(),
    to_day: offset.optional(),
  })).max(20).default([]).describe(
    "For table_one: records of a concept set in days around the index date. Default: -365 to 0. With one bound, the other side is open.",
  ),
  window_days: days.min(1).default(365).describe("For characterize: days before and after the index date."),
  top: z.int().min(1).max(50).default(10).describe("For characterize: concepts of each table and window."),
  at_days: z.array(days).min(1).max(20).default([30, 90, 180, 365, 730, 1825]).describe(
    "For survival: days that the answer shows.",
  ),
});

/** The arguments in aggregate mode: bands of ages have edges that rule R6 of the disclosure rules allows. */
export const disclosedAnalysisSchema = analysisSchema.extend({
  age_bands: analysisSchema.shape.age_bands.unwrap().default([20, 35, 50, 65, 80]).describe(
    "The youngest age of each group but the first: multiples of five.",
  ),
});

/** An analysis after validation. */
export type AnalysisRequest = z.output<typeof analysisSchema>;

/** A covariate after validation. */
export type Covariate = AnalysisRequest["covariates"][number];

/** Days relative to the index date; an absent bound is open. */
export interface CovariateDays {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/**
 * The days of a covariate. A bound that is given leaves the other one open, as in the windows of `define_cohort`.
 *
 * @param covariate The covariate.
 * @returns The year before, up to the index date, for a covariate without bounds.
 */
export function covariateDays({ from_day: from, to_day: to }: Covariate): CovariateDays {
  return from === undefined && to === undefined ? { from: -365, to: 0 } : { from, to };
}
