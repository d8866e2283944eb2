/** Aggregates that may leave the database, and nothing else. */
export { type DisclosedTable, Disclosure } from "./disclosure.ts";
export {
  DEFAULT_PRESET,
  type DisclosureRules,
  PRESET_NAMES,
  type PresetName,
  PRESETS,
  shownCounts,
} from "./rules.ts";
export type { ReleasedCell } from "./release.ts";
