/** Statistics of counts: pure; numbers in, numbers out. */
export { type Interval, poissonInterval, wilsonInterval } from "./intervals.ts";
export {
  kaplanMeier,
  type Median,
  medianOf,
  stepAt,
  type SurvivalStep,
  type TimeCount,
} from "./kaplan_meier.ts";
export { logRank, type TestResult } from "./log_rank.ts";
export { meanDifference, type MeanSpread, proportionDifference } from "./standardized_difference.ts";
