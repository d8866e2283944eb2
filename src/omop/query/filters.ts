import { type RawBuilder, sql } from "kysely";
import { OmcpError } from "../../errors.ts";
import { isConceptColumn, isTextType } from "../cdm/mod.ts";
import { conceptSetMembers, conceptSetSchema, ONLY_EXCLUDES, onlyExcludes } from "../concepts/mod.ts";
import type { Value } from "./value.ts";
import { CONDITION_HINTS } from "./filter_hints.ts";
import { readPart } from "./read_part.ts";
import { filterSchema, type OmopFilter, type UnreadConditions } from "./schema.ts";
import { bindValue, isDate } from "./values.ts";

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

/** Characters of an example in an error. */
const EXAMPLE_CHARACTERS = 300;
/** Deepest nesting of groups. */
const MAX_DEPTH = 5;

/** What conditions are compiled against. */
export interface ConditionContext {
  /** Finds what a condition's column names. */
  readonly find: (written: string) => Value;
  /** The schema of the CDM's tables. */
  readonly schema: string;
}

/** A condition on a column: one that is not a group. */
interface Comparison extends OmopFilter {
  readonly column: string;
  readonly op: NonNullable<OmopFilter["op"]>;
}

/**
 * Checks conditions that the query's schema leaves open.
 *
 * @param list The conditions as received.
 * @param where Where they are, for the error.
 * @returns The conditions.
 * @throws {OmcpError} `invalid_argument` with the first problem.
 */
export function readConditions(list: UnreadConditions, where: string): readonly OmopFilter[] {
  return list.map((one, at) =>
    readPart(one, {
      schema: filterSchema,
      where: `${where}[${at}]`,
      hints: CONDITION_HINTS,
      next:
        'Write a condition such as {"column": "visit_concept_id", "op": "=", "value": 9201}, or {"or": [conditions]}.',
    })
  );
}

/**
 * One condition of a WHERE or HAVING clause.
 *
 * @param filter A comparison or a group.
 * @param context Where its columns are.
 * @param depth How many groups it is in.
 * @returns The condition, with every value bound as a parameter.
 * @throws {OmcpError} `invalid_argument` if the value does not fit the operator or the column's type.
 */
export function filterCondition(
  filter: OmopFilter,
  context: ConditionContext,
  depth = 0,
): RawBuilder<boolean> {
  const { column, op } = filter;
  const groups = (["or", "and", "not"] as const).flatMap((kind) =>
    filter[kind] === undefined ? [] : [{ kind, list: filter[kind] }]
  );
  const [group] = groups;
  if (group === undefined && column !== undefined && op !== undefined) {
    return comparison({ ...filter, column, op }, context);
  }
  if (
    group === undefined || groups.length > 1 || column !== undefined || op !== undefined || depth >= MAX_DEPTH
  ) {
    if (group === undefined && column !== undefined) throw withoutOp(column, filter.value);
    throw new OmcpError(
      "invalid_argument",
      "Cannot read a condition: it needs column and op, or only one of or, and, not" +
        (depth >= MAX_DEPTH ? `, at most ${MAX_DEPTH} deep` : ""),
      { next: 'Write {"or": [{"column": …, "op": …, "value": …}, …]}.' },
    );
  }
  const conditions = readConditions(group.list, group.kind).map((one) =>
    filterCondition(one, context, depth + 1)
  );
  if (group.kind === "or") return sql`(${sql.join(conditions, sql` or `)})`;
  const all = sql<boolean>`(${sql.join(conditions, sql` and `)})`;
  // A comparison with null is neither true nor false; `is not true` counts it as not holding, as a reader expects.
  return group.kind === "not" ? sql`${all} is not true` : all;
}

function comparison(filter: Comparison, context: ConditionContext): RawBuilder<boolean> {
  const found = context.find(filter.column);
  const { op, value } = filter;
  const reference = found.sql;
  const compared = { name: filter.column, type: found.type };
  // A day, in a column of times, means all of it.
  const side = (bound: unknown): RawBuilder<unknown> =>
    found.type === "timestamp" && typeof bound === "string" && isDate(bound)
      ? sql`cast(${reference} as date)`
      : reference;
  const bind = (bound: unknown) => sql`${bindValue(compared, bound)}`;
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
      if (value.includes(null)) throw nullInList(filter, value);
      const days = value.filter((one) => side(one) !== reference);
      const exact = value.filter((one) => side(one) === reference);
      const parts = [days, exact].filter((part) => part.length > 0).map((part) =>
        sql`${side(part[0])} ${sql.raw(op)} (${sql.join(part.map(bind))})`
      );
      if (parts.length === 1) return sql`${parts[0]}`;
      return sql`(${sql.join(parts, op === "in" ? sql` or ` : sql` and `)})`;
    }
    case "between": {
      if (!Array.isArray(value) || value.length !== 2 || value.includes(null)) {
        throw misused(
          filter,
          "needs two values",
          "Pass the lowest and the highest: [1, 10]. For one of them, use >= or <=.",
        );
      }
      const [low, high] = value;
      const bound = [bindValue(compared, low), bindValue(compared, high)] as const;
      if (isReversed(found, bound)) {
        throw misused(
          filter,
          `has its values reversed: nothing is between ${bound[0]} and ${bound[1]}`,
          `Pass the lower one first: ${JSON.stringify([high, low])}.`,
        );
      }
      if (side(low) === side(high)) return sql`${reference} between ${bound[0]} and ${bound[1]}`;
      return sql`(${side(low)} >= ${bound[0]} and ${side(high)} <= ${bound[1]})`;
    }
    case "in_concept_set":
      return inConceptSet(filter, found, context.schema);
    case "like":
    case "ilike":
      if (!isTextType(found.type)) {
        throw misused(
          filter,
          `works on text, and ${found.name} is ${found.type}`,
          "Compare with = or between.",
        );
      }
  }
  if (value === undefined || value === null) {
    throw misused(filter, "needs a value", "Use `is null` or `is not null` to find missing values.");
  }
  if (typeof value === "object") {
    throw misused(filter, "needs a single value", "Use `in` for a list of values.");
  }
  return sql`${side(value)} ${OPERATORS[op]} ${bind(value)}`;
}

function inConceptSet(filter: Comparison, found: Value, schema: string): RawBuilder<boolean> {
  if (!isConceptColumn(found.column?.name ?? "") || found.type !== "bigint") {
    throw misused(filter, "needs a column of concepts", "Use a column such as condition_concept_id.");
  }
  const { value } = filter;
  const set = conceptSetSchema.safeParse(
    Array.isArray(value) ? { items: value.map((id) => ({ concept_id: id })) } : value,
  );
  if (!set.success) {
    throw misused(
      filter,
      "needs a concept set",
      'Pass {"items": [{"concept_id": 201826, "include_descendants": true}]}.',
    );
  }
  if (onlyExcludes(set.data)) {
    const items = set.data.items.map(({ exclude: _, ...item }) => item);
    throw misused(
      filter,
      ONLY_EXCLUDES,
      `For rows without these concepts: ${shortJson({ not: [{ ...filter, value: { items } }] })}.`,
    );
  }
  return sql`${found.sql} in (${conceptSetMembers(set.data, schema)})`;
}

/** What was probably meant depends on what else is in the list, and on the operator. */
function nullInList(filter: Comparison, value: readonly unknown[]): OmcpError {
  const { column, op } = filter;
  const rest = value.filter((one) => one !== null);
  const without = { column, op, value: rest };
  const missing = { column, op: "is null" };
  const next = rest.length === 0
    ? `Write ${shortJson({ column, op: op === "in" ? "is null" : "is not null" })}.`
    : op === "in"
    ? `For missing values too: ${shortJson({ or: [without, missing] })}.`
    : `Leave out null: a missing value passes no \`not in\`. To keep missing values: ${
      shortJson({ or: [without, missing] })
    }.`;
  return misused(filter, "has null in its list, which no value equals", next);
}

function withoutOp(column: string, value: OmopFilter["value"]): OmcpError {
  const op = Array.isArray(value) ? "in" : value === undefined || value === null ? "is not null" : "=";
  return new OmcpError("invalid_argument", `Cannot filter ${column}: op is missing`, {
    next: `Write ${shortJson({ column, op, ...(op === "is not null" ? {} : { value }) })}, or another op.`,
  });
}

/** An example for an error: a long list in it is cut. */
function shortJson(example: unknown): string {
  const text = JSON.stringify(example);
  return text.length <= EXAMPLE_CHARACTERS ? text : `${text.slice(0, EXAMPLE_CHARACTERS)}…`;
}

function isReversed({ type }: Value, [low, high]: readonly [string, string]): boolean {
  switch (type) {
    case "integer":
    case "bigint":
      return BigInt(low) > BigInt(high);
    case "numeric":
      return Number(low) > Number(high);
    case "date":
    case "timestamp":
      // A day and a time within it: neither is after the other.
      return low.slice(0, 10) > high.slice(0, 10);
    case "varchar":
    case "text":
      // The order of texts is the database's.
      return false;
  }
}

function misused(filter: Comparison, what: string, next: string): OmcpError {
  return new OmcpError("invalid_argument", `Cannot filter ${filter.column}: \`${filter.op}\` ${what}`, {
    next,
  });
}
