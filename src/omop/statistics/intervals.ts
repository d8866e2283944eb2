/** 95 % confidence intervals of counts and proportions. */
import { gammaQuantile } from "./gamma.ts";

/** Two-sided. */
const ALPHA = 0.05;
/** The 97.5th percentile of the standard normal distribution. */
export const Z_95 = 1.959963984540054;

/** A confidence interval. */
export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

/**
 * The exact interval of a Poisson mean (Garwood 1936). Its limits are half the chi-square quantiles with 2k and 2k + 2 degrees of freedom. These
 * are gamma quantiles of shape k and k + 1.
 *
 * @param events The count, a whole number.
 */
export function poissonInterval(events: number): Interval {
  return {
    lower: events === 0 ? 0 : gammaQuantile(events, ALPHA / 2),
    upper: gammaQuantile(events + 1, 1 - ALPHA / 2),
  };
}

/**
 * The interval of a proportion by Wilson's score method (Wilson 1927), without continuity correction.
 *
 * @param cases The count, at most `of`.
 * @param of The size, at least 1.
 */
export function wilsonInterval(cases: number, of: number): Interval {
  const p = cases / of;
  const square = Z_95 * Z_95;
  const center = p + square / (2 * of);
  const half = Z_95 * Math.sqrt(p * (1 - p) / of + square / (4 * of * of));
  const scale = 1 + square / of;
  // At the ends the formula is exact, and rounding would leave a trace.
  return {
    lower: cases === 0 ? 0 : (center - half) / scale,
    upper: cases === of ? 1 : (center + half) / scale,
  };
}
