/** Checks of a CDM's data quality: what they mean, the statements that count, and the verdicts. */
export { QUALITY_CHECKS, type QualityCheck, type QualityCheckId } from "./checks.ts";
export { type EventTable, eventTables } from "./events.ts";
export { eventChecks, personChecks, type QualityStatement } from "./statements.ts";
export { findings, percent, type QualityFinding, type TableCount, type Verdict } from "./verdict.ts";
