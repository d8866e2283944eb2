import { cdmTables, type CdmVersion } from "../cdm/mod.ts";

/** A table of events, as the checks need it. */
export interface EventTable {
  readonly table: string;
  /** The day of the event, or its first. */
  readonly start: string;
  /** Its last day, where the version has one. */
  readonly end: string | undefined;
  /** The standard concept; undefined: there is none that every record needs. */
  readonly concept: string | undefined;
  /** The domain of its concepts; undefined: several. */
  readonly domain: string | undefined;
  /** The columns that may hold its value; none: the event has no value. */
  readonly values: readonly string[];
  /** Whether records name the visit in which they happened. */
  readonly visit: boolean;
}

const VALUES = ["value_as_number", "value_as_string", "value_as_concept_id"] as const;

/** Table → its dates, its concept and the concept's domain, as the specification has them. */
const EVENTS: readonly (readonly [table: string, stem: string, domain?: string])[] = [
  ["visit_occurrence", "visit", "Visit"],
  ["condition_occurrence", "condition", "Condition"],
  ["drug_exposure", "drug", "Drug"],
  ["procedure_occurrence", "procedure", "Procedure"],
  ["device_exposure", "device", "Device"],
  ["measurement", "measurement", "Measurement"],
  ["observation", "observation"],
  ["death", "death"],
];

/**
 * The tables of events that are checked.
 *
 * @param version The CDM's version.
 * @param present The tables that this CDM has.
 */
export function eventTables(version: CdmVersion, present: ReadonlySet<string>): readonly EventTable[] {
  const columns = new Map(
    cdmTables(version).map((table) => [table.name, new Set(table.columns.map(({ name }) => name))]),
  );
  return EVENTS.filter(([table]) => present.has(table)).map(([table, stem, domain]): EventTable => {
    const has = columns.get(table) ?? new Set();
    const one = (...names: readonly string[]): string | undefined => names.find((name) => has.has(name));
    return {
      table,
      start: one(`${stem}_start_date`, `${stem}_exposure_start_date`) ?? `${stem}_date`,
      end: one(`${stem}_end_date`, `${stem}_exposure_end_date`),
      concept: one(`${stem}_concept_id`),
      domain,
      values: VALUES.filter((name) => has.has(name)),
      visit: table !== "visit_occurrence" && has.has("visit_occurrence_id") &&
        present.has("visit_occurrence"),
    };
  });
}
