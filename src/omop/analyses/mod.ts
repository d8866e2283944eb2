/** Analyses of cohorts: arguments to SQL, and counts to tables of statistics. Pure. */
export { ANALYSES, type AnalysisRequest, analysisSchema, type Covariate, type Stratum } from "./schema.ts";
export { analysed, type Population, populationCounts } from "./population.ts";
export { eventsOf, type EventSource, type Outcome } from "./outcome.ts";
export { incidenceCounts, type RiskAnalysis, survivalCounts } from "./time_at_risk.ts";
export type { GroupNames } from "./groups.ts";
export { incidenceTables } from "./incidence.ts";
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
  numberSummaries,
  subjects,
  type TableOneAnalysis,
} from "./table_one_sql.ts";
export { type CountedCovariate, type TableOneRows, tableOneTables } from "./table_one.ts";
export { COUNTED_TABLES, frequentConcepts } from "./characterize_sql.ts";
export { characterizeTables, type FrequentRows } from "./characterize.ts";
export { type Period, type PrevalenceAnalysis, prevalenceCounts } from "./prevalence_sql.ts";
export { periodsOf, prevalenceTables } from "./prevalence.ts";
export { type Counts, together } from "./together.ts";
export { cleanWindowWords, strataWords, timeAtRiskWords } from "./words.ts";
