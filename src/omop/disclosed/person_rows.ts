/** Rows about persons that another module selects, as a table whose numbers may leave the database. */
import type { RawBuilder } from "kysely";
import { statement } from "../sql_compiler.ts";
import { cellsOf, type DisclosedOptions, type DisclosedValue } from "./cells_sql.ts";
import type { CompiledDisclosedQuery, DisclosedGroup } from "./compile.ts";

/** Rows about persons, and how they are grouped. */
export interface PersonRows {
  /** A SELECT of `person_id` (bigint), a column `g0`, `g1` … for each group column, and a column `x0`, `x1` … for each value. */
  readonly rows: RawBuilder<unknown>;
  /** At most three (rule R2), each no finer than rule R6 allows. */
  readonly groups: readonly DisclosedGroup[];
  /** What is computed from each value's column. @default none */
  readonly values?: readonly DisclosedValue["kind"][];
}

/**
 * Compiles the statement that counts the persons of each group and margin, and adds up their values.
 *
 * @param rows The rows.
 * @param options See {@link DisclosedOptions}.
 */
export function compilePersonRows(
  { rows, groups, values: kinds = [] }: PersonRows,
  options: DisclosedOptions,
): CompiledDisclosedQuery {
  const values = kinds.map((kind): DisclosedValue => ({ kind, column: undefined }));
  return { statement: statement(cellsOf(rows, groups, values, options)), groups, values, outputs: [] };
}
