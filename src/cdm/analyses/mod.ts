/** Analyses on the configured CDM. */
export { type AnalysisOptions, CdmAnalyses } from "./analyses.ts";
export {
  DisclosedAnalyses,
  type DisclosedAnalysis,
  type DisclosedAnalysisOptions,
} from "./disclosed/analyses.ts";
export { leaveResult, type Leaving, LEAVING_MS, type LeftResult } from "./in_sandbox.ts";
