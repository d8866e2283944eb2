import * as z from "zod";
import { OmcpError } from "../../errors.ts";
import { cdmTables, type CdmVersion } from "../cdm/mod.ts";
import { cohortNameSchema } from "../cohorts/schema.ts";
import { HELD_COHORT } from "../query/cohort_table.ts";
import { hasColumn } from "../query/event_date.ts";
import { filterSchema } from "../query/schema.ts";

/** Most columns to group by: rule R2 of the disclosure rules. */
const MOST_GROUPS = 3;
const MOST_FILTERS = 20;
const MOST_AGGREGATES = 8;

/** What is computed for each group. */
const DISCLOSED_FUNCTIONS = [
  "count_persons",
  "count",
  "sum",
  "avg",
  "stddev",
  "median",
  "percentile",
  "person_years",
] as const;

/** A column of the table or of its person, or a function of a column; no other table. */
const columnName = z.string().max(200).toLowerCase().regex(
  /^(?:(?:person\.)?[a-z_][a-z0-9_]{0,62}|[a-z_]+ *\([a-z0-9_(), ]+\))$/,
  "must be a column of the table, person.<column>, or a function such as age_at(condition_start_date)",
);

const ofCohort = z.array(z.strictObject({ cohort: cohortNameSchema })).min(1).max(10).optional();

/** Conditions within one, which {@link readCondition} checks: a recursive schema would cost a model more than it helps. */
const unread = z.array(z.record(z.string(), z.unknown())).min(1).max(MOST_FILTERS).optional();

const condition = z.strictObject({
  column: columnName.optional(),
  op: filterSchema.shape.op,
  value: filterSchema.shape.value,
  or: unread.describe("In place of column, op and value: conditions of which one must hold."),
  and: unread.describe("Inside or: conditions that must all hold."),
});

/** A condition on a column, or a group of conditions. */
export type DisclosedCondition = z.infer<typeof condition>;

/**
 * Checks a condition within another one.
 *
 * @param one The condition as received.
 * @throws {OmcpError} `invalid_argument` with the first problem.
 */
export function readCondition(one: unknown): DisclosedCondition {
  const parsed = condition.safeParse(one);
  if (parsed.success) return parsed.data;
  throw new OmcpError(
    "invalid_argument",
    `Cannot read a condition in filters: ${parsed.error.issues[0]?.message ?? "not a condition"}`,
    { next: 'Write {"column": …, "op": …, "value": …}, or {"or": [conditions]} or {"and": [conditions]}.' },
  );
}

const aggregateSchema = z.strictObject({
  fn: z.enum(DISCLOSED_FUNCTIONS).describe("count counts records, or those with a value in the column."),
  p: z.number().gt(0).lt(1).optional().describe("For percentile, without group_by."),
  column: columnName.optional().describe(
    "For sum, avg, stddev, median and percentile: a quantity, or age_at(date). For count: only records that have it.",
  ),
});

const SHAPE = {
  cohort: cohortNameSchema.optional().describe("With table cohort: the name of a cohort of define_cohort."),
  persons: z.strictObject({ with: ofCohort, without: ofCohort }).optional().describe(
    "Only rows of persons who are, or are not, in these cohorts.",
  ),
  filters: z.array(condition).max(MOST_FILTERS).optional().describe(
    "Conditions that must all hold. Dates by months: >= and < with a first day, <= and > with a last day. year_of_birth in bands of five.",
  ),
  group_by: z.array(columnName).min(1).max(MOST_GROUPS).optional().describe(
    "Concepts (gender as person.gender_concept_id), dates (by month), year(date), month(date), person.year_of_birth (by five years), " +
      "or band(age_at(date), 0, 40, 65).",
  ),
  aggregates: z.array(aggregateSchema).min(1).max(MOST_AGGREGATES).optional().describe(
    "Computed for each group, besides the number of persons, which is always returned.",
  ),
  order_by: z.array(z.string().max(64)).length(1).optional().describe(
    'A column of the result, "-name" for descending. Default: the groups.',
  ),
  limit: z.int().min(1).max(1_000).default(200).describe("The most rows to return."),
} as const;

/** The fields of a query whose numbers may leave the database. */
export type DisclosedQueryShape = typeof SHAPE & { readonly table: z.ZodEnum<Record<string, string>> };

/** A query whose numbers may leave the database. */
export type DisclosedQuery = z.infer<z.ZodObject<DisclosedQueryShape, z.core.$strict>>;

/**
 * The schema of such a query.
 *
 * @param version The CDM's version.
 * @returns A strict object; a tool extends it.
 */
export function disclosedQuerySchema(version: CdmVersion): z.ZodObject<DisclosedQueryShape, z.core.$strict> {
  const tables = cdmTables(version).filter((table) => hasColumn(table, "person_id")).map(({ name }) => name)
    .sort();
  const [first = "person", ...others] = tables;
  return z.strictObject({
    table: z.enum([first, ...others, HELD_COHORT.name]).describe(
      `A table of the OMOP CDM ${version} about persons, or cohort.`,
    ),
    ...SHAPE,
  });
}
