/** Compiles queries whose numbers may leave the database to SQL that returns what the disclosure rules need to decide. */
import { type RawBuilder, sql } from "kysely";
import { OmcpError } from "../../errors.ts";
import type { CdmVersion } from "../cdm/mod.ts";
import { HELD_COHORT, rowsOf, tableOf } from "../query/cohort_table.ts";
import { Scope } from "../query/columns.ts";
import { refuseDuplicates } from "../query/duplicates.ts";
import { filterCondition } from "../query/filters.ts";
import { joinClause } from "../query/joins.ts";
import { personConditions } from "../query/persons.ts";
import { listed } from "../query/listed.ts";
import { type Statement, statement } from "../sql_compiler.ts";
import { cellsOf, type DisclosedOptions, type DisclosedValue, type GroupColumn, name } from "./cells_sql.ts";
import { BIRTH_BAND, requireFilterable, requireGroupable, requireQuantity } from "./columns.ts";
import { type DisclosedCondition, type DisclosedQuery, readCondition } from "./schema.ts";
import { type DisclosedSource, findValue } from "./values.ts";

/** A column of the result. */
export type DisclosedOutput =
  | { readonly name: string; readonly kind: "count" | "sum"; readonly value: number }
  /** A mean: one value divided by another. */
  | { readonly name: string; readonly kind: "mean"; readonly sum: number; readonly count: number }
  /** The standard deviation of a sample, from the numbers of these values. */
  | {
    readonly name: string;
    readonly kind: "deviation";
    readonly sum: number;
    readonly squares: number;
    readonly count: number;
  }
  /** A value that was found by several queries. */
  | { readonly name: string; readonly kind: "percentile"; readonly value: number }
  /** Days as years of 365.25 days. */
  | { readonly name: string; readonly kind: "years"; readonly value: number };

/** A group column of the result. */
export interface DisclosedGroup extends GroupColumn {
  readonly name: string;
  readonly use: "concept" | "birth" | "date" | "number";
}

/** A compiled query. */
export interface CompiledDisclosedQuery {
  /**
   * It has a row for each cell and margin: level, group columns, persons. For sketches, lists follow: the buckets, the persons in each and their
   * weights. Then come, for each value: its total; unless all persons contribute to it, its contributors, and lists of them and their weights in each
   * bucket; lists of the weighted sums, and of the largest sum of one person, in each bucket; the most that the others of one bucket have together;
   * and the sum of all persons' sums. Lists are arrays of PostgreSQL, null for cells of fewer than k persons; all have the same order of buckets.
   */
  readonly statement: Statement;
  readonly groups: readonly DisclosedGroup[];
  readonly values: readonly DisclosedValue[];
  /** The columns of the result other than the groups and `persons`. */
  readonly outputs: readonly DisclosedOutput[];
}

/**
 * Compiles a query.
 *
 * @param query The query.
 * @param options See {@link DisclosedOptions}.
 * @throws {OmcpError} `invalid_argument` for unknown names, `disclosure_not_allowed` for a use that the rules exclude.
 */
export function compileDisclosedQuery(
  query: DisclosedQuery,
  options: DisclosedOptions,
): CompiledDisclosedQuery {
  if (query.table === HELD_COHORT.name && query.cohort === undefined) throw withoutCohort();
  const scope = new Scope(options.version, tableOf(query));
  const find = (written: string) => findValue(scope, written);
  const groups = (query.group_by ?? []).map((written) => {
    const source = find(written);
    requireGroupable(written, source, scope.table.columns);
    return source;
  });
  const context = { find: (written: string) => scope.find(written), schema: options.schema };
  const conditions = (query.filters ?? []).map((filter) => {
    // It also refuses groups that are nested too deep.
    const condition = filterCondition(filter, context);
    requireConditions(filter, find);
    return condition;
  });
  conditions.push(...personConditions(query.persons, scope, options));
  const { values, outputs } = resolveAggregates(query, find);
  const names = [...groups.map(({ name }) => name), "persons", ...outputs.map(({ name }) => name)];
  refuseDuplicates(names, "the result", "Use each column and each aggregate once.");
  const rows = sql`select ${
    sql.join([
      sql`t.person_id::bigint as person_id`,
      ...groups.map((source, at) => sql`${groupValue(source)} as ${name("g", at)}`),
      ...values.map((value, at) => sql`${valueOf(value)} as ${name("x", at)}`),
    ])
  } from ${rowsOf(query, options)} as t${joinClause(scope, options.schema)}${
    listed(" where ", conditions.map((each) => sql`(${each})`), " and ")
  }`;
  const columns = groups.map((source): DisclosedGroup => ({
    name: source.name,
    use: groupUse(source),
    isOfPerson: source.isOfPerson,
  }));
  return {
    statement: statement(cellsOf(rows, columns, values, options)),
    groups: columns,
    values,
    outputs,
  };
}

/** Rule R6 for each condition of a group. Unions need no rule of their own: the ledger decides about any set of persons, however it was described. */
function requireConditions(filter: DisclosedCondition, find: (written: string) => DisclosedSource): void {
  const { column, op } = filter;
  if (column !== undefined && op !== undefined) requireFilterable({ ...filter, column, op }, find(column));
  for (const part of [...(filter.or ?? []), ...(filter.and ?? [])]) {
    requireConditions(readCondition(part), find);
  }
}

function groupUse({ use }: DisclosedSource): DisclosedGroup["use"] {
  return use === "birth" || use === "date" || use === "number" ? use : "concept";
}

/** What a row adds to a value; null: nothing. */
function valueOf({ kind, column }: DisclosedValue): RawBuilder<unknown> {
  if (kind === "days") {
    return sql`(t.observation_period_end_date - t.observation_period_start_date + 1)`;
  }
  if (column === undefined) return sql`1`;
  return kind === "squares" ? sql`(cast(${column.sql} as numeric) * ${column.sql})` : column.sql;
}

/**
 * The grid on which a quantity may be compared.
 *
 * @param query The query.
 * @param written The quantity's column.
 * @param version The CDM's version.
 * @returns Its name in a result, the least width of a bin, and whether there is no other.
 * @throws {OmcpError} `invalid_argument`, `disclosure_not_allowed`.
 */
export function gridOf(
  query: DisclosedQuery,
  written: string | undefined,
  version: CdmVersion,
): { readonly name: string; readonly least: number; readonly isFixed: boolean } {
  if (written === undefined) throw withoutColumn("percentile");
  const source = findValue(new Scope(version, tableOf(query)), written);
  requireQuantity(written, source);
  if (source.use === "age") return { name: source.name, least: BIRTH_BAND, isFixed: true };
  return { name: source.name, least: source.type === "integer" ? 1 : 0, isFixed: false };
}

/** The value that rows are grouped by: a concept's id, the first year of a band or the first day of a month. */
function groupValue(source: DisclosedSource): RawBuilder<unknown> {
  const { sql: column } = source;
  switch (groupUse(source)) {
    case "birth":
      return sql`(${column} / ${sql.lit(BIRTH_BAND)} * ${sql.lit(BIRTH_BAND)})`;
    case "date":
      return sql`date_trunc('month', ${column})::date`;
    case "concept":
    case "number":
      return column;
  }
}

function resolveAggregates(
  query: DisclosedQuery,
  find: (written: string) => DisclosedSource,
): Pick<CompiledDisclosedQuery, "values" | "outputs"> {
  const values: DisclosedValue[] = [];
  const outputs: DisclosedOutput[] = [];
  const add = (kind: DisclosedValue["kind"], column: DisclosedSource | undefined) => {
    const same = values.findIndex((value) => value.kind === kind && value.column?.name === column?.name);
    return same >= 0 ? same : values.push({ kind, column }) - 1;
  };
  for (const { fn, column: written } of query.aggregates ?? []) {
    // The number of persons is in every result, and percentiles are found by other queries.
    if (fn === "count_persons" || fn === "median" || fn === "percentile") continue;
    if (fn === "person_years") {
      if (query.table !== "observation_period") throw withoutPeriods();
      outputs.push({ name: "person_years", kind: "years", value: add("days", undefined) });
      continue;
    }
    if (written === undefined || written === "*") {
      if (fn !== "count") throw withoutColumn(fn);
      outputs.push({ name: "records", kind: "count", value: add("records", undefined) });
      continue;
    }
    const column = find(written);
    requireQuantity(written, column);
    const label = `${fn}_${column.name}`;
    if (fn === "stddev") {
      outputs.push({
        name: label,
        kind: "deviation",
        sum: add("sum", column),
        squares: add("squares", column),
        count: add("values", column),
      });
    }
    if (fn === "count") outputs.push({ name: label, kind: "count", value: add("values", column) });
    if (fn === "sum") outputs.push({ name: label, kind: "sum", value: add("sum", column) });
    if (fn === "avg") {
      outputs.push({ name: label, kind: "mean", sum: add("sum", column), count: add("values", column) });
    }
  }
  return { values, outputs };
}

function withoutColumn(fn: string): OmcpError {
  return new OmcpError("invalid_argument", `Cannot compute ${fn} without a column`, {
    next: `Name a quantity, as in ${JSON.stringify({ fn, column: "value_as_number" })}.`,
  });
}

function withoutPeriods(): OmcpError {
  return new OmcpError("invalid_argument", "Cannot compute person_years of this table", {
    next: 'Query the time under observation: {"table": "observation_period"}.',
  });
}

function withoutCohort(): OmcpError {
  return new OmcpError("invalid_argument", "Cannot query the table cohort without a cohort's name", {
    next: 'Define one with define_cohort, and pass its name: {"table": "cohort", "cohort": "name"}.',
  });
}
