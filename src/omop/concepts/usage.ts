/** Where a CDM's records name concepts, and how often: the statements that count them. */
import { sql } from "kysely";
import { cdmTables, type CdmVersion } from "../cdm/mod.ts";
import { type Statement, statement } from "../sql_compiler.ts";
import { idArray, table } from "./concept_set_sql.ts";

/** A column that holds what a record is about. */
export interface UsageColumn {
  readonly table: string;
  readonly column: string;
  /** Whether it holds the source's own concept instead of the standard one. */
  readonly source: boolean;
}

/** The main columns of clinical tables: `condition_concept_id`, and `condition_source_concept_id` beside it. */
const MAIN: ReadonlyMap<string, readonly string[]> = new Map([
  ["condition_occurrence", ["condition"]],
  ["drug_exposure", ["drug"]],
  ["procedure_occurrence", ["procedure"]],
  ["measurement", ["measurement"]],
  ["observation", ["observation"]],
  ["device_exposure", ["device"]],
  ["visit_occurrence", ["visit"]],
  ["visit_detail", ["visit_detail"]],
  ["death", ["cause"]],
  ["specimen", ["specimen"]],
  ["episode", ["episode"]],
  ["person", ["gender", "race", "ethnicity"]],
]);

/**
 * The columns in which concepts are counted.
 *
 * @param version The CDM's version.
 * @returns Standard columns first.
 */
export function usageColumns(version: CdmVersion): readonly UsageColumn[] {
  const found = cdmTables(version).flatMap(({ name, columns }) =>
    (MAIN.get(name) ?? []).flatMap((stem): UsageColumn[] => [
      { table: name, column: `${stem}_concept_id`, source: false },
      { table: name, column: `${stem}_source_concept_id`, source: true },
    ]).filter(({ column }) => columns.some((each) => each.name === column))
  );
  return [...found.filter(({ source }) => !source), ...found.filter(({ source }) => source)];
}

/**
 * Counts the concepts of a column.
 *
 * @param column The column.
 * @param schema The schema of the CDM's tables.
 * @param limit The most concepts.
 * @returns Rows of concept, records and persons, the most frequent first.
 */
export function usageCounts({ table: name, column }: UsageColumn, schema: string, limit: number): Statement {
  // Grouped twice, because count(distinct) would sort every record.
  return statement(sql`select k, sum(n), count(*) from (
  select ${sql.ref(column)} as k, person_id, count(*) as n from ${table(schema, name)}
  where ${sql.ref(column)} is not null group by 1, 2
) as by_person group by 1 order by 2 desc, 1 limit cast(${limit} as bigint)`);
}

/**
 * Which of some ids a column holds.
 *
 * @param ids The ids.
 * @param column A column of the CDM.
 * @param schema The schema of the CDM's tables.
 * @returns Rows of an id each.
 */
export function idsInColumn(
  ids: readonly number[],
  { table: name, column }: Pick<UsageColumn, "table" | "column">,
  schema: string,
): Statement {
  return statement(sql`select i.id from unnest(${idArray(ids)}) as i(id)
where exists (select from ${table(schema, name)} as e where ${sql.ref(`e.${column}`)} = i.id)`);
}

/**
 * Counts rows whose person the CDM lacks.
 *
 * @param name A table with `person_id`.
 * @param schema The schema of the CDM's tables.
 * @returns One row: how many rows, and how many ids of persons they have.
 */
export function rowsOfNobody(name: string, schema: string): Statement {
  return statement(sql`select count(*), count(distinct e.person_id) from ${table(schema, name)} as e
where not exists (select from ${table(schema, "person")} as p where p.person_id = e.person_id)`);
}
