import { type RawBuilder, sql } from "kysely";
import { OmcpError } from "../../errors.ts";
import { isTextType } from "../cdm/mod.ts";
import { columnReference, type SourceColumn } from "./columns.ts";
import type { OmopFilter } from "./schema.ts";
import { bindValue } from "./values.ts";

/** The comparison operators as SQL; a table, so that no text of a caller becomes part of the SQL. */
const OPERATORS = {
  "=": sql`=`,
  "!=": sql`<>`,
  "<": sql`<`,
  "<=": sql`<=`,
  ">": sql`>`,
  ">=": sql`>=`,
  "like": sql`like`,
  "ilike": sql`ilike`,
} as const;

/**
 * One condition of a WHERE clause.
 *
 * @param filter The filter.
 * @param source The column it names.
 * @returns The condition, with every value bound as a parameter.
 * @throws {OmcpError} `invalid_argument` if the value does not fit the operator or the column's type.
 */
export function filterCondition(filter: OmopFilter, source: SourceColumn): RawBuilder<boolean> {
  const { column } = source;
  const reference = columnReference(source);
  const { op, value } = filter;
  switch (op) {
    case "is null":
    case "is not null":
      if (value !== undefined && value !== null) {
        throw misused(filter, "takes no value", "Omit the value.");
      }
      return op === "is null" ? sql`${reference} is null` : sql`${reference} is not null`;
    case "in":
    case "not in": {
      if (!Array.isArray(value)) throw misused(filter, "needs a list of values", "Pass a list: [1, 2].");
      const values = sql.join(value.map(function bind(entry) {
        return bindValue(column, entry);
      }));
      return op === "in" ? sql`${reference} in (${values})` : sql`${reference} not in (${values})`;
    }
    case "between": {
      if (!Array.isArray(value) || value.length !== 2) {
        throw misused(filter, "needs two values", "Pass the lowest and the highest: [1, 10].");
      }
      return sql`${reference} between ${bindValue(column, value[0])} and ${bindValue(column, value[1])}`;
    }
    case "like":
    case "ilike":
      if (!isTextType(column.type)) {
        throw misused(
          filter,
          `works on text, and ${column.name} is ${column.type}`,
          "Compare with = or between.",
        );
      }
  }
  if (value === undefined || value === null) {
    throw misused(filter, "needs a value", "Use `is null` or `is not null` to find missing values.");
  }
  if (Array.isArray(value)) throw misused(filter, "needs a single value", "Use `in` for a list of values.");
  return sql`${reference} ${OPERATORS[op]} ${bindValue(column, value)}`;
}

function misused(filter: OmopFilter, what: string, next: string): OmcpError {
  return new OmcpError("invalid_argument", `Cannot filter ${filter.column}: \`${filter.op}\` ${what}`, {
    next,
  });
}
