/** Analyses on the configured CDM. */
export { type AnalysisOptions, CdmAnalyses } from "./analyses.ts";
export { leaveResult, LEAVING_MS, type LeftResult } from "./in_sandbox.ts";
