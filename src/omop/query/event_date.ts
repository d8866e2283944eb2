import type { CdmTable } from "../cdm/mod.ts";

/**
 * The column with the date of a table's events: when they start, where they last.
 *
 * @param table The table.
 * @returns Such as condition_start_date, measurement_date or death_date; undefined for a table without one, such as person.
 */
export function eventDate(table: CdmTable): string | undefined {
  const dates = table.columns.filter(({ type }) => type === "date").map(({ name }) => name);
  return dates.find((name) => name.endsWith("_start_date")) ??
    dates.find((name) => !name.endsWith("_end_date"));
}

/**
 * The column with the date on which a table's events end.
 *
 * @param table The table.
 * @returns Such as condition_end_date; undefined for a table whose events have one date, or none.
 */
export function endDate(table: CdmTable): string | undefined {
  const end = eventDate(table)?.replace(/_start_date$/, "_end_date");
  return end?.endsWith("_end_date") === true && hasColumn(table, end) ? end : undefined;
}

/**
 * Whether a table has a column.
 *
 * @param table The table.
 * @param name The column's name.
 */
export function hasColumn(table: CdmTable, name: string): boolean {
  return table.columns.some((column) => column.name === name);
}
