import { cdmTables, type CdmVersion } from "../cdm/mod.ts";
import { eventDate, hasColumn } from "../query/event_date.ts";

/** A table of events, as the checks need it. */
export interface EventTable {
  readonly table: string;
  /** The day of the event, or its first. */
  readonly start: string;
  /** Its last day, where the version has one. */
  readonly end: string | undefined;
  /** The standard concept; undefined: there is none that every record needs. */
  readonly concept: string | undefined;
  /** The columns that may hold its value; none: the event has no value. */
  readonly values: readonly string[];
  /** Whether records name the visit in which they happened. */
  readonly visit: boolean;
}

const VALUES = ["value_as_number", "value_as_string", "value_as_concept_id"] as const;

/** Table → the beginning of the names of its concept and of its last day, as the specification has them. */
const EVENTS: ReadonlyMap<string, string> = new Map([
  ["visit_occurrence", "visit"],
  ["condition_occurrence", "condition"],
  ["drug_exposure", "drug"],
  ["procedure_occurrence", "procedure"],
  ["device_exposure", "device"],
  ["measurement", "measurement"],
  ["observation", "observation"],
  ["death", "death"],
]);

/**
 * The tables of events that are checked.
 *
 * @param version The CDM's version.
 * @param present The tables that this CDM has.
 */
export function eventTables(version: CdmVersion, present: ReadonlySet<string>): readonly EventTable[] {
  const tables = new Map(cdmTables(version).map((table) => [table.name, table]));
  return [...EVENTS].flatMap(([name, stem]): EventTable[] => {
    const table = tables.get(name);
    const start = table && eventDate(table);
    if (table === undefined || start === undefined || !present.has(name)) return [];
    const one = (...names: readonly string[]) => names.find((column) => hasColumn(table, column));
    return [{
      table: name,
      start,
      end: one(`${stem}_end_date`, `${stem}_exposure_end_date`),
      concept: one(`${stem}_concept_id`),
      values: VALUES.filter((column) => hasColumn(table, column)),
      visit: name !== "visit_occurrence" && hasColumn(table, "visit_occurrence_id") &&
        present.has("visit_occurrence"),
    }];
  });
}
