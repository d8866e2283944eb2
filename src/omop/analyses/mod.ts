/** Analyses of cohorts: arguments to SQL, and counts to tables of statistics. Pure. */
export {
  ANALYSES,
  type AnalysisRequest,
  analysisSchema,
  type Covariate,
  type CovariateDays,
  covariateDays,
  disclosedAnalysisSchema,
  type Stratum,
} from "./schema.ts";
export { analysed, ENTRY_ROWS, type Population, populationCounts, rowsAbout } from "./population.ts";
export { eventsOf, type EventSource, type Outcome } from "./outcome.ts";
export {
  incidenceCounts,
  incidenceRows,
  type RiskAnalysis,
  survivalCounts,
  survivalRows,
} from "./time_at_risk.ts";
export type { GroupNames } from "./groups.ts";
export { disclosedIncidence, incidenceTables } from "./incidence.ts";
export { curveDays, disclosedSurvival, FEWEST_OF_CURVE } from "./disclosed_survival.ts";
export { survivalTables } from "./survival.ts";
export {
  type AnalysisResult,
  type AnalysisTable,
  type Chart,
  type ResultTables,
  type Value,
} from "./result.ts";
export {
  attributeCounts,
  ATTRIBUTES,
  covariateCounts,
  NUMBERS,
  numberSummaries,
  subjects,
  type TableOneAnalysis,
  type TableOneRow,
  tableOneRows,
} from "./table_one_sql.ts";
export { disclosedTableOne } from "./disclosed_table_one.ts";
export { type CountedCovariate, type TableOneRows, tableOneTables } from "./table_one.ts";
export { conceptRows, COUNTED_TABLES, frequentConcepts } from "./characterize_sql.ts";
export { characterizeTables, type FrequentRows } from "./characterize.ts";
export { type Period, type PrevalenceAnalysis, prevalenceCounts, prevalenceRows } from "./prevalence_sql.ts";
export { disclosedPrevalence, periodsOf, prevalenceTables } from "./prevalence.ts";
export { type Counts, together } from "./together.ts";
export { type DisclosedCell, DisclosedNumbers, threeDigits } from "./disclosed_numbers.ts";
export { cleanWindowWords, strataWords, timeAtRiskWords } from "./words.ts";
