/** Survival curves by Kaplan and Meier. */
import { type Interval, Z_95 } from "./intervals.ts";

/** How many persons' time ends on a day, in a group. */
export interface TimeCount {
  /** Days since the start, at least 0. */
  readonly day: number;
  /** Persons with the event on that day. */
  readonly events: number;
  /** Persons whose observation ends on that day without it. */
  readonly censored: number;
}

/** The curve from one day to the next. */
export interface SurvivalStep extends TimeCount {
  /** Persons at risk on that day; those who are censored on it count. */
  readonly atRisk: number;
  /** The probability to be free of the event after that day. */
  readonly survival: number;
  /** 95 %; undefined if nobody is left. */
  readonly interval: Interval | undefined;
}

/** A rounding error of a product of fractions must not hide that a curve has reached a half. */
const TOLERANCE = 1e-9;

/**
 * Estimates a survival curve. On the same day, events come before censorings. The interval is Greenwood's on the scale of log(−log S),
 * as lifelines has it.
 *
 * @param counts A row for each day on which somebody's time ends, in the order of the days.
 */
export function kaplanMeier(counts: readonly TimeCount[]): readonly SurvivalStep[] {
  let atRisk = counts.reduce((sum, { events, censored }) => sum + events + censored, 0);
  let survival = 1;
  let greenwood = 0;
  return counts.map((count) => {
    const { events, censored } = count;
    const step = { ...count, atRisk };
    if (events > 0) {
      survival *= (atRisk - events) / atRisk;
      greenwood += events / (atRisk * (atRisk - events));
    }
    atRisk -= events + censored;
    return { ...step, survival, interval: intervalOf(survival, greenwood) };
  });
}

function intervalOf(survival: number, greenwood: number): Interval | undefined {
  if (survival === 1) return { lower: 1, upper: 1 };
  if (survival === 0) return undefined;
  const spread = Math.exp(Z_95 * Math.sqrt(greenwood) / -Math.log(survival));
  return { lower: survival ** spread, upper: survival ** (1 / spread) };
}

/** When half of a group has had the event, in days. */
export interface Median {
  /** Undefined if the curve does not reach a half. */
  readonly day: number | undefined;
  /** Limits of 95 %: when the limits of the curve reach a half; undefined if they do not. */
  readonly lower: number | undefined;
  readonly upper: number | undefined;
}

/**
 * The median of a curve, with the limits of Brookmeyer and Crowley.
 *
 * @param steps The curve.
 */
export function medianOf(steps: readonly SurvivalStep[]): Median {
  const reached = (value: (step: SurvivalStep) => number) =>
    steps.find((step) => value(step) <= 0.5 + TOLERANCE)?.day;
  return {
    day: reached(({ survival }) => survival),
    lower: reached(({ survival, interval }) => interval?.lower ?? survival),
    upper: reached(({ interval }) => interval?.upper ?? Infinity),
  };
}

/**
 * The curve on a day.
 *
 * @param steps The curve.
 * @param day Days since the start.
 * @returns The last step that is not after it; undefined before the first step.
 */
export function stepAt(steps: readonly SurvivalStep[], day: number): SurvivalStep | undefined {
  return steps.findLast((step) => step.day <= day);
}
