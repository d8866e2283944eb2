import * as z from "zod";
import { type CdmVersion, tableNameSchema } from "../cdm/mod.ts";
import { isReservedPythonName, PYTHON_NAME_PATTERN } from "./python_name.ts";

/** The limit on rows of a query that does not set one. */
export const DEFAULT_LIMIT = 10_000;
/** The highest limit that a query may set. */
export const MAX_LIMIT = 1_000_000;
/** The maximum of values of an `in`: each is a parameter, and a statement has at most 256 KiB. */
export const MAX_IN_VALUES = 1_000;

/** The comparisons of a filter. */
export const FILTER_OPS = [
  "=",
  "!=",
  "<",
  "<=",
  ">",
  ">=",
  "in",
  "not in",
  "between",
  "is null",
  "is not null",
  "like",
  "ilike",
] as const;

/** A comparison of a filter. */
export type FilterOp = typeof FILTER_OPS[number];

/** The functions of an aggregate. */
export const AGGREGATE_FUNCTIONS = ["count", "sum", "avg", "min", "max", "stddev", "median"] as const;

/** A function of an aggregate. */
export type AggregateFunction = typeof AGGREGATE_FUNCTIONS[number];

/** Accepted spellings of operators. */
const OP_ALIASES: ReadonlyMap<unknown, FilterOp> = new Map<unknown, FilterOp>([
  ["==", "="],
  ["<>", "!="],
  ["≠", "!="],
  ["≤", "<="],
  ["≥", ">="],
  ["not_in", "not in"],
  ["is_null", "is null"],
  ["is_not_null", "is not null"],
]);

/** Names are accepted in any case, as in SQL; every name of the CDM is in lower case. */
const columnName = z.string().min(1).max(63).toLowerCase();
const scalar = z.union([z.string().max(1_000), z.number(), z.boolean()]);

/** One condition on a column; all filters of a query must hold. */
export const filterSchema = z.strictObject({
  column: columnName.describe("A column of the table, or person.<column>."),
  op: z.preprocess(function unalias(op) {
    return OP_ALIASES.get(typeof op === "string" ? op.toLowerCase() : op) ??
      (typeof op === "string" ? op.toLowerCase() : op);
  }, z.enum(FILTER_OPS)).describe("The comparison. As in SQL, rows whose value is null pass `is null` only."),
  value: z.union([scalar, z.array(scalar).min(1).max(MAX_IN_VALUES), z.null()]).optional().describe(
    "A list for `in` and `not in`, [low, high] for `between`, absent for `is null` and `is not null`. " +
      "Dates as YYYY-MM-DD. Integers beyond 2^53 as decimal strings.",
  ),
});

/** A value computed for each group. */
export const aggregateSchema = z.strictObject({
  fn: z.enum(AGGREGATE_FUNCTIONS),
  column: columnName.optional().describe(
    "The column to compute it from, of the table or person.<column>. Only `count` may omit it, to count rows.",
  ),
  distinct: z.boolean().optional().describe(
    "Count each value once: count distinct person_id counts persons.",
  ),
  as: z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/, "must be lower-case letters, digits and _, at most 63")
    .optional()
    .describe("The column's name in the result. Default: as in count or avg_value_as_number."),
});

/** A column to sort by. */
export const orderSchema = z.union([
  columnName,
  z.strictObject({ column: columnName, direction: z.enum(["asc", "desc"]).optional() }),
]);

const resultName = z.string()
  .regex(PYTHON_NAME_PATTERN, "must be a Python name: a letter, then letters, digits and _, at most 64")
  .refine(function free(name) {
    return !isReservedPythonName(name);
  }, "must not be a Python keyword or built-in name");

const COMMON_SHAPE = {
  columns: z.array(columnName).min(1).max(100).optional().describe(
    "Columns to return. Default: all of the table; with aggregates, those of group_by. If the table has person_id, any list may " +
      "also name the person's columns, such as person.year_of_birth; the result's column is then year_of_birth, or " +
      "person_<column> if the table itself has that name.",
  ),
  filters: z.array(filterSchema).max(50).optional().describe("Conditions that must all hold."),
  concept_name: z.boolean().optional().describe(
    "Add the name of each concept: for gender_concept_id, gender_concept_name.",
  ),
  group_by: z.array(columnName).min(1).max(16).optional().describe(
    "Columns to group by, of the table or person.<column>.",
  ),
  aggregates: z.array(aggregateSchema).min(1).max(32).optional().describe("Values computed for each group."),
  order_by: z.array(orderSchema).min(1).max(16).optional().describe(
    'Columns of the result to sort by: a name, "-name" for descending, or {column, direction}. Nulls are last.',
  ),
  limit: z.int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT).describe("The maximum of rows to return."),
  into: resultName.default("omop_df").describe("The variable that receives the pandas DataFrame."),
} as const;

/** The fields of a typed query; the tool adds its own, such as sandbox_id. */
export type OmopQueryShape = typeof COMMON_SHAPE & { readonly table: z.ZodEnum<Record<string, string>> };

/** A typed query after validation, defaults filled in. */
export type OmopQuery = z.infer<z.ZodObject<OmopQueryShape, z.core.$strict>>;

/** A typed query as a caller writes it. */
export type OmopQueryInput = z.input<z.ZodObject<OmopQueryShape, z.core.$strict>>;

/** A condition after validation. */
export type OmopFilter = z.infer<typeof filterSchema>;

/** An aggregate after validation. */
export type OmopAggregate = z.infer<typeof aggregateSchema>;

/**
 * The schema of a typed query. Tables are an enum. Columns are checked against their table when the query is
 * compiled: an enum of every column of every table, in five places, would cost a model thousands of tokens and
 * still allow wrong pairs.
 *
 * @param version The CDM's version.
 * @returns A strict object; a tool extends it with its own fields.
 */
export function omopQuerySchema(version: CdmVersion): z.ZodObject<OmopQueryShape, z.core.$strict> {
  return z.strictObject({
    table: tableNameSchema(version).describe(`A table of the OMOP CDM ${version}.`),
    ...COMMON_SHAPE,
  });
}
