/** Analyses on the configured CDM. */
export { type AnalysisOptions, boundedResult, CdmAnalyses } from "./analyses.ts";
export { leaveResult, LEAVING_MS, type LeftResult } from "./in_sandbox.ts";
