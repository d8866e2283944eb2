/** An option for all tables or for single ones, as `--format copy` and `--format note=csv` give it. */
export interface ByTable<T> {
  /** For the tables that are not named. */
  readonly others?: T;
  readonly tables: ReadonlyMap<string, T>;
}

/**
 * The option of one table.
 *
 * @param option The option.
 * @param table The table's name.
 * @returns The table's own option, else the one for all others; undefined if neither was given.
 */
export function forTable<T>(option: ByTable<T> | undefined, table: string): T | undefined {
  return option?.tables.get(table) ?? option?.others;
}
