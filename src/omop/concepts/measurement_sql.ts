/** Statements about the numbers that a CDM holds under concepts. */
import { sql } from "kysely";
import { type Statement, statement } from "../sql_compiler.ts";
import { idArray, table } from "./concept_set_sql.ts";

/** Tables with numbers, and the column of what was measured. */
export const NUMBER_TABLES = [
  { table: "measurement", column: "measurement_concept_id" },
  { table: "observation", column: "observation_concept_id" },
] as const;

/** One of {@link NUMBER_TABLES}. */
export type NumberTable = typeof NUMBER_TABLES[number];

/**
 * Summarises the numbers of concepts by unit. A unit's text counts only where its concept is missing.
 *
 * @param ids The concepts.
 * @param where Which table.
 * @param schema The schema of the CDM's tables.
 * @param limit The most rows.
 * @returns Rows of concept, unit's concept (null for none), unit's name or source text, records, persons, records with a number, records
 * with a coded value, and of the numbers the minimum, 5th, 50th and 95th percentile (`percentile_cont`) and maximum; the most records first.
 */
export function numbersByUnit(
  ids: readonly number[],
  where: NumberTable,
  schema: string,
  limit: number,
): Statement {
  const value = sql`e.value_as_number`;
  const at = (part: number) => sql`percentile_cont(${sql.lit(part)}) within group (order by ${value})`;
  return statement(sql`select s.*, u.concept_name from (
  select ${sql.ref(`e.${where.column}`)} as id, nullif(e.unit_concept_id, 0) as unit,
    case when coalesce(e.unit_concept_id, 0) = 0 then left(e.unit_source_value, 60) end as written,
    count(*) as records, count(distinct e.person_id), count(${value}),
    count(*) filter (where e.value_as_concept_id <> 0), min(${value}), ${at(0.05)}, ${at(0.5)}, ${
    at(0.95)
  }, max(${value})
  from ${table(schema, where.table)} as e where ${sql.ref(`e.${where.column}`)} = any(${idArray(ids)})
  group by 1, 2, 3 order by records desc, id limit cast(${limit} as bigint)
) as s left join ${table(schema, "concept")} as u on u.concept_id = s.unit order by s.records desc, s.id`);
}

/**
 * Whether a table has any number at all.
 *
 * @param where Which table.
 * @param schema The schema of the CDM's tables.
 * @returns One row with 1 or 0.
 */
export function hasNumbers(where: NumberTable, schema: string): Statement {
  return statement(
    sql`select case when exists (select from ${
      table(schema, where.table)
    } where value_as_number is not null) then 1 else 0 end`,
  );
}
