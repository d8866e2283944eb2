/** Aggregates that may leave the database, and nothing else. */
export { type DisclosedSource, type DisclosedSteps, type DisclosedTable, Disclosure } from "./disclosure.ts";
export { LedgerFile } from "./ledger_file.ts";
export { type CdmLoad, type LedgerStore, memoryLedgers } from "./ledger_store.ts";
export { NOT_RELEASED } from "./not_released.ts";
export {
  DEFAULT_PRESET,
  type DisclosureRules,
  leastShown,
  PRESET_NAMES,
  type PresetName,
  PRESETS,
  shownCounts,
  slackOf,
} from "./rules.ts";
export { answerWithPercentiles } from "./percentiles.ts";
export { type DisclosureFacts, summedFacts } from "./facts.ts";
export type { ReleasedCell } from "./release.ts";
