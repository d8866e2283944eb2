/** Tables whose rows a cohort's criteria are about, each with its criterion in circe and its start, end and key. */
import { type RawBuilder, sql } from "kysely";

/** The tables of events. */
export const EVENT_TABLE_NAMES = [
  "condition_occurrence",
  "drug_exposure",
  "procedure_occurrence",
  "measurement",
  "observation",
  "device_exposure",
  "visit_occurrence",
  "condition_era",
  "drug_era",
  "specimen",
  "death",
  "observation_period",
  "cohort",
] as const;

/** A table of events; `cohort` is a cohort that is held, of which an event is a period. */
export type EventTableName = typeof EVENT_TABLE_NAMES[number];

/** A table of events as circe sees it. */
export interface EventTable {
  /** The criterion's name in circe's JSON; undefined: it has none. */
  readonly circe: string | undefined;
  /** The column with what the event is; undefined: it has none that circe filters. */
  readonly concept: string | undefined;
  /** Orders events of a day. */
  readonly key: string;
  readonly start: string;
  /** Its end, never null if circe's is not: columns in the order in which they are looked at, then days after the start. */
  readonly end: { readonly column?: string; readonly supply?: string; readonly days?: number };
  /** The field of circe's criterion with the range of its start. */
  readonly startField: string;
  /** Whether it has value_as_number and unit_concept_id. */
  readonly valued?: true;
}

const EVENT_TABLES: Readonly<Record<EventTableName, EventTable>> = {
  condition_occurrence: occurrence("ConditionOccurrence", "condition", "condition_occurrence", {
    column: "condition_end_date",
    days: 1,
  }),
  drug_exposure: {
    circe: "DrugExposure",
    concept: "drug_concept_id",
    key: "drug_exposure_id",
    start: "drug_exposure_start_date",
    end: { column: "drug_exposure_end_date", supply: "days_supply", days: 1 },
    startField: "OccurrenceStartDate",
  },
  procedure_occurrence: {
    ...occurrence("ProcedureOccurrence", "procedure", "procedure_occurrence", { days: 1 }),
    start: "procedure_date",
  },
  measurement: {
    ...occurrence("Measurement", "measurement", "measurement", { days: 1 }),
    start: "measurement_date",
    valued: true,
  },
  observation: {
    ...occurrence("Observation", "observation", "observation", { days: 1 }),
    start: "observation_date",
    valued: true,
  },
  device_exposure: {
    circe: "DeviceExposure",
    concept: "device_concept_id",
    key: "device_exposure_id",
    start: "device_exposure_start_date",
    end: { column: "device_exposure_end_date", days: 1 },
    startField: "OccurrenceStartDate",
  },
  visit_occurrence: occurrence("VisitOccurrence", "visit", "visit_occurrence", { column: "visit_end_date" }),
  condition_era: era("ConditionEra", "condition"),
  drug_era: era("DrugEra", "drug"),
  specimen: { ...occurrence("Specimen", "specimen", "specimen", { days: 1 }), start: "specimen_date" },
  death: {
    circe: "Death",
    concept: "cause_concept_id",
    key: "person_id",
    start: "death_date",
    end: { days: 1 },
    startField: "OccurrenceStartDate",
  },
  observation_period: {
    circe: "ObservationPeriod",
    concept: undefined,
    key: "observation_period_id",
    start: "observation_period_start_date",
    end: { column: "observation_period_end_date" },
    startField: "PeriodStartDate",
  },
  cohort: {
    circe: undefined,
    concept: undefined,
    // A person's periods do not overlap.
    key: "person_id",
    start: "cohort_start_date",
    end: { column: "cohort_end_date" },
    startField: "",
  },
};

/**
 * How the events of a table are read.
 *
 * @param name The table.
 */
export function eventTable(name: EventTableName): EventTable {
  return EVENT_TABLES[name];
}

/**
 * The end of an event, as circe computes it.
 *
 * @param name The table.
 * @param alias Its alias.
 */
export function eventEnd(name: EventTableName, alias: string): RawBuilder<unknown> {
  const { start, end: { column, supply, days } } = EVENT_TABLES[name];
  const of = (one: string) => sql.ref(`${alias}.${one}`);
  const parts = [
    ...(column === undefined ? [] : [of(column)]),
    ...(supply === undefined ? [] : [sql`${of(start)} + ${of(supply)}`]),
    ...(days === undefined ? [] : [sql`${of(start)} + ${sql.lit(days)}`]),
  ];
  return parts.length === 1 ? sql`${parts[0]}` : sql`coalesce(${sql.join(parts)})`;
}

function occurrence(circe: string, prefix: string, table: string, end: EventTable["end"]): EventTable {
  return {
    circe,
    concept: `${prefix}_concept_id`,
    key: `${table}_id`,
    start: `${prefix}_start_date`,
    end,
    startField: "OccurrenceStartDate",
  };
}

function era(circe: string, prefix: string): EventTable {
  return {
    circe,
    concept: `${prefix}_concept_id`,
    key: `${prefix}_era_id`,
    start: `${prefix}_era_start_date`,
    end: { column: `${prefix}_era_end_date` },
    startField: "EraStartDate",
  };
}
