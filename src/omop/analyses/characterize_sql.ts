/** The most frequent concepts around persons' index dates. */
import { type RawBuilder, sql } from "kysely";
import type { Counts } from "./together.ts";

/** The tables whose concepts are counted, in the order of the result. */
export const COUNTED_TABLES = [
  {
    table: "condition_occurrence",
    concept: "condition_concept_id",
    date: "condition_start_date",
    word: "condition",
  },
  { table: "drug_exposure", concept: "drug_concept_id", date: "drug_exposure_start_date", word: "drug" },
  {
    table: "procedure_occurrence",
    concept: "procedure_concept_id",
    date: "procedure_date",
    word: "procedure",
  },
] as const;

/** One of {@link COUNTED_TABLES}. */
export type CountedTable = typeof COUNTED_TABLES[number];

/**
 * Counts persons with records of each concept in the days before, on and after the index date, the start of their first entry. Records
 * outside the observation period do not count.
 *
 * @param schema The schema of the CDM's tables.
 * @param table The table.
 * @param options Days before and after; the most concepts of each window.
 * @returns Rows of window (0 before, 1 on, 2 after the index date), concept (null: not mapped), persons, how many concepts the window
 * has; the most frequent first.
 */
export function frequentConcepts(
  schema: string,
  table: CountedTable,
  { days, top }: { readonly days: number; readonly top: number },
): Counts {
  const select = sql`${personConcepts(schema, table, days)},
ranked as (
  select w, concept, count(*) as persons, count(concept) over (partition by w) as concepts,
    row_number() over (partition by w order by concept is null, count(*) desc, concept) as place
  from found group by w, concept
)
select w, concept, persons, concepts from ranked where place <= ${sql.lit(top)} or concept is null
order by w, place`;
  return { select, columns: 4 };
}

/**
 * Persons of one group with records of each concept in each window.
 *
 * @param schema The schema of the CDM's tables.
 * @param table The table.
 * @param days Days before and after.
 * @returns Rows of person_id, g0 (the window) and g1 (the concept, null: not mapped).
 */
export function conceptRows(schema: string, table: CountedTable, days: number): RawBuilder<unknown> {
  return sql`${personConcepts(schema, table, days)} select person_id, w as g0, concept as g1 from found`;
}

/** `found(person_id, w, concept)`. */
function personConcepts(
  schema: string,
  { table, concept, date }: CountedTable,
  days: number,
): RawBuilder<unknown> {
  return sql`with found as (
  select distinct f.person_id, case when t.${sql.id(date)} < f.s then 0 when t.${
    sql.id(date)
  } = f.s then 1 else 2 end as w,
    nullif(t.${sql.id(concept)}, 0) as concept
  from first_entries as f join ${sql.id(schema, table)} as t on t.person_id = f.person_id
    and t.${sql.id(date)} between greatest(f.s - ${sql.lit(days)}, f.os) and least(f.s + ${
    sql.lit(days)
  }, f.oe)
)`;
}
