import type { RawBuilder } from "kysely";
import type { CdmTable, CdmType } from "../cdm/mod.ts";
import type { Expression } from "./expression.ts";

/** A value of each row that a query may name: a column, or a function of columns. */
export interface Value {
  /** Its name in the result. */
  readonly name: string;
  readonly type: CdmType;
  readonly sql: RawBuilder<unknown>;
  /** Its text in the query, for errors and for what the reply says. */
  readonly written: string;
  /** The column that it is, with its table; undefined for a function's value. */
  readonly column?: { readonly table: string; readonly name: string };
}

/** Finds the values that the arguments of a function name. */
export interface ValueFinder {
  readonly table: CdmTable;
  /** @param written The value's text in a query. */
  find(written: string): Value;
  /** @param expression The value, read. */
  resolve(expression: Expression): Value;
}
