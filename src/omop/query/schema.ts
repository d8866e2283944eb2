import * as z from "zod";
import { isRecord } from "../../lib/is_record.ts";
import { type CdmVersion, tableNameSchema } from "../cdm/mod.ts";
import { cohortNameSchema } from "../cohorts/schema.ts";
import { writtenItems } from "../concepts/mod.ts";
import { HELD_COHORT } from "./cohort_table.ts";
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
  "in_concept_set",
] as const;

/** A comparison of a filter. */
export type FilterOp = typeof FILTER_OPS[number];

/** The functions of an aggregate. */
export const AGGREGATE_FUNCTIONS = [
  "count",
  "count_persons",
  "sum",
  "avg",
  "min",
  "max",
  "stddev",
  "median",
  "percentile",
  "person_years",
] as const;

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
const columnName = z.string().min(1).max(200).toLowerCase();
const scalar = z.union([z.string().max(1_000), z.number(), z.boolean()]);
/** Objects that {@link readConditions} checks: a recursive schema, or one repeated in five places, would cost a model more than it helps. */
const unread = z.record(z.string(), z.unknown());
const unreadList = z.array(unread).min(1).max(50);

/** A concept set may have the form of another argument. */
function asConceptSet(value: unknown): unknown {
  const items = writtenItems(value);
  const isItem = (one: unknown) => isRecord(one) && Object.hasOwn(one, "concept_id");
  return items.length > 0 && items.every(isItem) ? { items } : value;
}

/** One condition on a column, or a group of conditions. */
export const filterSchema = z.strictObject({
  column: columnName.optional().describe("Any column, as in columns."),
  op: z.preprocess(function unalias(op) {
    return OP_ALIASES.get(typeof op === "string" ? op.toLowerCase() : op) ??
      (typeof op === "string" ? op.toLowerCase() : op);
  }, z.enum(FILTER_OPS)).optional().describe(
    "The comparison. As in SQL, rows whose value is null pass `is null` only.",
  ),
  value: z.preprocess(
    asConceptSet,
    z.union([
      scalar,
      z.array(z.union([scalar, z.null()])).min(1).max(MAX_IN_VALUES),
      z.strictObject({ items: unreadList }),
      z.null(),
    ]),
  ).optional().describe(
    "A list for `in` and `not in`, [low, high] for `between`, absent for `is null` and `is not null`. " +
      "For `in_concept_set` {items: [{concept_id, include_descendants?, include_mapped?, exclude?}]}. " +
      "Dates as YYYY-MM-DD: in a datetime, the whole day. Integers beyond 2^53 as decimal strings.",
  ),
  or: unreadList.optional().describe("In place of column, op and value: conditions of which one must hold."),
  and: unreadList.optional().describe("Inside or and not: conditions that must all hold."),
  not: unreadList.optional().describe("Conditions that must not all hold."),
});

/** A value computed for each group. */
export const aggregateSchema = z.strictObject({
  fn: z.enum(AGGREGATE_FUNCTIONS),
  column: columnName.optional().describe(
    "What to compute it from. `count` without it counts rows; count_persons counts distinct persons; person_years sums " +
      "observation_period's days / 365.25.",
  ),
  distinct: z.boolean().optional().describe(
    "Use each value once.",
  ),
  p: z.number().min(0).max(1).optional().describe(
    "For percentile: 0.25 is the first quartile. It interpolates.",
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

/** Persons who have rows of another table. */
export const personCriterionSchema = z.strictObject({
  table: z.string().max(63).toLowerCase().optional(),
  cohort: cohortNameSchema.optional().describe("In place of table: a cohort, whose date is its start."),
  filters: unreadList.optional(),
  window: z.strictObject({
    from: z.int().min(-100_000).max(100_000).optional(),
    to: z.int().min(-100_000).max(100_000).optional(),
    of: z.enum(["start", "end"]).optional(),
  })
    .optional().describe(
      "Days from the row's start (with of: end, from its end) to the other's start: {from: 0, to: 30}; one may be absent.",
    ),
  overlaps: z.boolean().optional().describe("True: both times, from start to end, share a day."),
  before_per_person: z.boolean().optional().describe(
    "True: applies before per_person picks, as for the last value before a drug.",
  ),
  at_least: z.int().min(1).max(10_000).optional().describe("Rows that the person must have. Default: 1."),
});

/** The name of a variable that receives a result. */
export const resultNameSchema: z.ZodType<string> = z.string()
  .regex(PYTHON_NAME_PATTERN, "must be a Python name: a letter, then letters, digits and _, at most 64")
  .refine(function free(name) {
    return !isReservedPythonName(name);
  }, "must not be a Python keyword or built-in name");

const COMMON_SHAPE = {
  cohort: cohortNameSchema.optional().describe(
    "With table cohort: the name of a cohort of define_cohort. Its rows: person_id, cohort_start_date, cohort_end_date.",
  ),
  columns: z.array(columnName).min(1).max(100).optional().describe(
    "Columns to return. Default: all of the table; with aggregates, those of group_by. Any list may also name columns that a key of " +
      "the row leads to (person.year_of_birth, visit.visit_concept_id, provider.specialty_concept_id, " +
      "condition_concept.vocabulary_id), of the observation period that contains the row's date " +
      "(period.observation_period_start_date), and functions: year, quarter, month, day(date), age_at(date), days_between(a, b), " +
      "band(age_at(date), 0, 40, 65): the edge at or below. 'x as name' names it. A row without such a key is kept.",
  ),
  filters: z.array(filterSchema).max(50).optional().describe("Conditions that must all hold."),
  per_person: z.enum(["first", "last"]).optional().describe(
    "Of the rows that pass filters, keep each person's first or last by date.",
  ),
  then_filters: unreadList.optional().describe("After per_person: conditions, as filters, on the rows kept."),
  persons: z.strictObject({
    with: z.array(personCriterionSchema).max(10).optional(),
    without: z.array(unread).max(10).optional().describe("As with."),
  }).optional().describe("After per_person: keep rows of persons with, and without, rows of other tables."),
  concept_name: z.boolean().optional().describe(
    "Add the name of each concept: for gender_concept_id, gender_concept_name.",
  ),
  group_by: z.array(columnName).min(1).max(16).optional().describe(
    "Columns or functions to group by.",
  ),
  having: unreadList.optional().describe("Conditions, as filters, on aggregates by their names."),
  aggregates: z.array(aggregateSchema).min(1).max(32).optional().describe("Values computed for each group."),
  order_by: z.array(orderSchema).min(1).max(16).optional().describe(
    'Columns of the result to sort by: a name, "-name" for descending, or {column, direction}. Nulls are last.',
  ),
  limit: z.int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT).describe("The maximum of rows to return."),
  explain: z.boolean().optional().describe(
    "Only say what it means, the SQL, and the database's estimate of rows.",
  ),
  into: resultNameSchema.default("omop_df").describe("The variable that receives the pandas DataFrame."),
} as const;

/** The fields of a typed query; the tool adds its own, such as sandbox_id. */
export type OmopQueryShape = typeof COMMON_SHAPE & { readonly table: z.ZodEnum<Record<string, string>> };

/** A typed query after validation, defaults filled in. */
export type OmopQuery = z.infer<z.ZodObject<OmopQueryShape, z.core.$strict>>;

/** A typed query as a caller writes it. */
export type OmopQueryInput = z.input<z.ZodObject<OmopQueryShape, z.core.$strict>>;

/** A condition after validation. */
export type OmopFilter = z.infer<typeof filterSchema>;

/** Conditions that have not been checked, see {@link readConditions}. */
export type UnreadConditions = z.infer<typeof unreadList>;

/** A criterion of persons after validation. */
export type PersonCriterion = z.infer<typeof personCriterionSchema>;

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
  // In 5.3, the CDM has no table of the name that the cohorts of define_cohort have.
  const tables = z.enum([...new Set([...tableNameSchema(version).options, HELD_COHORT.name])]);
  return z.strictObject({
    table: tables.describe(`A table of the OMOP CDM ${version}.`),
    ...COMMON_SHAPE,
  });
}
