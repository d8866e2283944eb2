/** A small CDM with every kind of gap, in Postgres and in memory. */
import pg from "pg";

/** A value: numbers as numbers, dates as YYYY-MM-DD, times as `YYYY-MM-DD HH:MM:SS`. */
export type Cell = string | number | null;
export type Row = Readonly<Record<string, Cell>>;
export type Type = "integer" | "bigint" | "numeric" | "date" | "timestamp" | "text";

/** PostgreSQL's OIDs of the types of a CDM's columns. */
export const TYPES: ReadonlyMap<number, Type> = new Map<number, Type>([
  [23, "integer"],
  [20, "bigint"],
  [1700, "numeric"],
  [1082, "date"],
  [1114, "timestamp"],
  [25, "text"],
  [1043, "text"],
]);

/** The tables that are read into memory. */
const TABLES = [
  "person",
  "observation_period",
  "visit_occurrence",
  "condition_occurrence",
  "drug_exposure",
  "measurement",
  "death",
  "provider",
  "care_site",
  "concept",
  "concept_ancestor",
  "concept_relationship",
];

/** The dates of events. */
export const DATES: ReadonlyMap<string, string> = new Map([
  ["observation_period", "observation_period_start_date"],
  ["visit_occurrence", "visit_start_date"],
  ["condition_occurrence", "condition_start_date"],
  ["drug_exposure", "drug_exposure_start_date"],
  ["measurement", "measurement_date"],
  ["death", "death_date"],
]);

/** Removes most of the sample's persons, and makes gaps: events without a person, a visit, a value or an observation period. */
const GAPS = `set session_replication_role = replica;
delete from cdm.person where person_id > 250 or person_id % 31 = 0;
${[...DATES.keys()].map((table) => `delete from cdm.${table} where person_id > 250;`).join("\n")}
delete from cdm.measurement where measurement_id % 3 <> 0;
update cdm.person set birth_datetime = case when person_id % 3 = 0 then null when person_id % 7 = 0 then birth_datetime + interval '13 hours' else birth_datetime end,
  day_of_birth = case when person_id % 6 = 0 then null else day_of_birth end,
  month_of_birth = case when person_id % 12 = 0 then null else month_of_birth end,
  provider_id = case when person_id % 5 = 0 then null else provider_id end;
update cdm.provider set care_site_id = null where provider_id % 4 = 0;
delete from cdm.observation_period where person_id % 17 = 0;
insert into cdm.observation_period select observation_period_id + 100000, person_id, observation_period_start_date + 200,
  observation_period_end_date + 30, period_type_concept_id from cdm.observation_period where person_id % 5 = 0;
update cdm.observation_period set observation_period_end_date = observation_period_start_date + (observation_period_end_date - observation_period_start_date) / 2
  where person_id % 4 = 0;
update cdm.visit_occurrence set visit_end_datetime = null, visit_end_date = visit_start_date + 3, care_site_id = null where visit_occurrence_id % 9 = 0;
update cdm.condition_occurrence set visit_occurrence_id = case when condition_occurrence_id % 8 = 0 then null
  when condition_occurrence_id % 13 = 0 then 90000000 else visit_occurrence_id end,
  condition_start_datetime = case when condition_occurrence_id % 10 = 0 then null else condition_start_datetime end,
  condition_concept_id = case when condition_occurrence_id % 40 = 0 then 0 else condition_concept_id end;
update cdm.measurement set value_as_number = case when measurement_id % 7 = 0 then null when measurement_id % 5 = 0 then -value_as_number - 0.25 else value_as_number end,
  unit_concept_id = case when measurement_id % 11 = 0 then null when measurement_id % 4 = 0 then 8713 else unit_concept_id end;
update cdm.measurement set range_low = 10, range_high = 20.5 + measurement_id % 4 where measurement_id % 2 = 0;
update cdm.drug_exposure set days_supply = null, quantity = null where drug_exposure_id % 6 = 0;
update cdm.concept set invalid_reason = 'D' where concept_id = 433736;
delete from cdm.concept where concept_id = 4112343;
set session_replication_role = origin;
analyze;`;

/** The CDM in memory. */
export class Rows {
  readonly #tables = new Map<string, readonly Row[]>();
  readonly #types = new Map<string, ReadonlyMap<string, Type>>();
  readonly #byKey = new Map<string, ReadonlyMap<Cell, Row>>();
  readonly #byPerson = new Map<string, ReadonlyMap<Cell, readonly Row[]>>();

  /** Makes the gaps in a database, and reads it. */
  static async make(client: pg.Client): Promise<Rows> {
    await client.query(GAPS);
    const rows = new Rows();
    for (const table of TABLES) {
      const { rows: all, fields } = await client.query<Record<string, string | null>>(
        `select * from cdm.${table}`,
      );
      const types = new Map(fields.map(({ name, dataTypeID }) => [name, TYPES.get(dataTypeID) ?? "text"]));
      const read = all.map((row) =>
        Object.fromEntries(
          Object.entries(row).map(([name, text]) => [name, cell(text, types.get(name) ?? "text")]),
        )
      );
      rows.#types.set(table, types);
      rows.#tables.set(table, read);
      rows.#byKey.set(table, new Map(read.map((row) => [row[`${table}_id`] ?? null, row])));
      if (types.has("person_id")) {
        rows.#byPerson.set(
          table,
          Map.groupBy(read, (row) => row["person_id"] ?? null),
        );
      }
    }
    return rows;
  }

  all(table: string): readonly Row[] {
    return this.#tables.get(table) ?? [];
  }

  columns(table: string): ReadonlyMap<string, Type> {
    return this.#types.get(table) ?? new Map();
  }

  byKey(table: string, key: Cell): Row | undefined {
    return this.#byKey.get(table)?.get(key);
  }

  ofPerson(table: string, person: Cell): readonly Row[] {
    return this.#byPerson.get(table)?.get(person) ?? [];
  }

  /** Of a person's periods that contain a date, the one that starts first. */
  period(person: Cell, date: Cell): Row | undefined {
    const [start, end] = ["observation_period_start_date", "observation_period_end_date"] as const;
    return this.ofPerson("observation_period", person)
      .filter((one) =>
        date !== null && String(one[start]) <= String(date) && String(date) <= String(one[end])
      )
      .toSorted((a, b) =>
        compare(a[start] ?? null, b[start] ?? null) ||
        Number(a["observation_period_id"]) - Number(b["observation_period_id"])
      )[0];
  }
}

/** Reads what Postgres prints. */
export function cell(text: string | null, type: Type): Cell {
  return text === null || type === "text" || type === "date" || type === "timestamp" ? text : Number(text);
}

/** Orders values as Postgres does in the C locale; null is after all. */
export function compare(a: Cell, b: Cell): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return a < b ? -1 : Number(a > b);
}
