/** Compiles queries whose numbers may leave the database to SQL that returns what the disclosure rules need to decide. */
import { type RawBuilder, sql } from "kysely";
import { OmcpError } from "../../errors.ts";
import type { CdmVersion } from "../cdm/mod.ts";
import { HELD_COHORT, rowsOf, type RowSource, tableOf } from "../query/cohort_table.ts";
import { Scope } from "../query/columns.ts";
import { refuseDuplicates } from "../query/duplicates.ts";
import { filterCondition } from "../query/filters.ts";
import { joinClause } from "../query/joins.ts";
import { personConditions } from "../query/persons.ts";
import { listed } from "../query/listed.ts";
import { type Statement, statement } from "../sql_compiler.ts";
import { BIRTH_BAND, requireFilterable, requireGroupable, requireQuantity } from "./columns.ts";
import type { DisclosedQuery } from "./schema.ts";
import { type DisclosedSource, findValue } from "./values.ts";

/** How a query is compiled. */
export interface DisclosedOptions {
  readonly version: CdmVersion;
  readonly schema: string;
  /** A secret number, by which persons are hashed: a signed 64-bit integer. */
  readonly seed: bigint;
  /** The number of buckets of a sketch, a power of 2. */
  readonly buckets: number;
  /** The fewest persons of a cell whose sketches are returned. */
  readonly k: number;
  /** Finds a cohort's SELECT by its name. */
  readonly cohort?: RowSource["cohort"];
}

/** What is computed from a column of the query's rows, for each cell. */
export interface DisclosedValue {
  /** `records`: rows; `values`: rows with a value; `sum`: of the values; `squares`: sum of their squares; `days`: of observation. */
  readonly kind: "records" | "values" | "sum" | "squares" | "days";
  readonly column: DisclosedSource | undefined;
}

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
  /** Days as years of 365.25 days. */
  | { readonly name: string; readonly kind: "years"; readonly value: number };

/** A group column of the result. */
export interface DisclosedGroup {
  readonly name: string;
  readonly use: "concept" | "birth" | "date" | "number";
}

/** A compiled query. */
export interface CompiledDisclosedQuery {
  /**
   * Its rows, one for each cell and margin: level, group columns, persons; then for sketches buckets, persons in each, their weights;
   * then for each value its total, contributors, weighted sums, and the two largest sums of persons and the sum of all for each bucket.
   * Lists are arrays of PostgreSQL, null for cells of fewer than k persons.
   */
  readonly statement: Statement;
  readonly groups: readonly DisclosedGroup[];
  readonly values: readonly DisclosedValue[];
  /** Besides the groups and `persons`. */
  readonly outputs: readonly DisclosedOutput[];
}

/** Bits of a person's weight, above those of the bucket. */
const WEIGHT_BITS = 20;

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
    requireGroupable(written, source);
    return source;
  });
  const context = { find: (written: string) => scope.find(written), schema: options.schema };
  const conditions = (query.filters ?? []).map((filter) => {
    requireFilterable(filter, find(filter.column));
    return filterCondition(filter, context);
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
  return {
    statement: statement(cellsOf(rows, groups.length, values, options)),
    groups: groups.map((source) => ({ name: source.name, use: groupUse(source) })),
    values,
    outputs,
  };
}

/**
 * The statement around a query's rows, which have `person_id`, group columns g0, g1 … and values x0, x1 …. Its levels are those of PostgreSQL's grouping().
 *
 * @param rows The rows.
 * @param groups How many group columns they have.
 * @param values The values.
 * @param options See {@link DisclosedOptions}.
 */
export function cellsOf(
  rows: RawBuilder<unknown>,
  groups: number,
  values: readonly DisclosedValue[],
  { seed, buckets, k }: DisclosedOptions,
): RawBuilder<unknown> {
  const keys = Array.from({ length: groups }, (_, at) => name("g", at));
  const level = groups === 0 ? sql`0` : sql`grouping(${sql.join(keys)})`;
  const perPerson = values.flatMap((_, at) => [
    sql`count(${name("x", at)}) as ${name("c", at)}`,
    sql`sum(${name("x", at)}) as ${name("s", at)}`,
  ]);
  // Records and values are counted, so that each person's part is a count; sums add the values themselves.
  const part = ({ kind }: DisclosedValue, at: number) =>
    kind === "records" || kind === "values" ? name("c", at) : name("s", at);
  const bits = Math.log2(buckets);
  const weight = sql`((h >> ${sql.lit(bits)}) & ${sql.lit(2 ** WEIGHT_BITS - 1)}) + 1`;
  const perBucket = values.flatMap((value, at) => {
    const own = part(value, at);
    const size = sql`abs(${own})`;
    return [
      sql`sum(${own}) as ${name("v", at)}`,
      sql`count(*) filter (where ${name("c", at)} > 0) as ${name("m", at)}`,
      sql`sum(${own} * (${weight})) as ${name("k", at)}`,
      sql`max(${size}) as ${name("a", at)}`,
      sql`coalesce((array_agg(${size} order by ${size} desc nulls last))[2], 0) as ${name("b", at)}`,
      sql`sum(${size}) as ${name("d", at)}`,
    ];
  });
  const list = (column: RawBuilder<unknown>) =>
    sql`case when sum(n) >= ${sql.lit(k)} then array_agg(coalesce(${column}, 0) order by bucket) end`;
  const perCell = [
    sql`sum(n)`,
    ...["bucket", "n", "w"].map((column) => list(sql.ref(column))),
    ...values.flatMap((_, at) => [
      sql`coalesce(sum(${name("v", at)}), 0)`,
      sql`sum(${name("m", at)})`,
      list(name("k", at)),
      list(name("a", at)),
      list(name("b", at)),
      sql`coalesce(sum(${name("d", at)}), 0)`,
    ]),
  ];
  const by = sql.join([sql`level`, ...keys]);
  return sql`with q as (${rows}),
persons as (select ${
    sql.join([
      sql`${level} as level`,
      ...keys,
      sql`person_id`,
      sql`hashint8extended(person_id, cast(${String(seed)} as bigint)) as h`,
      ...perPerson,
    ])
  } from q group by ${groupingSets(keys)}),
buckets as (select ${
    sql.join([
      by,
      sql`(h & ${sql.lit(buckets - 1)})::int as bucket`,
      sql`count(*) as n`,
      sql`sum(${weight}) as w`,
      ...perBucket,
    ])
  } from persons group by ${sql.join([by, sql`(h & ${sql.lit(buckets - 1)})::int`])})
select ${sql.join([by, ...perCell])} from buckets group by ${by} order by ${by}`;
}

/** Every subset of the group columns, each with the person. */
function groupingSets(keys: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  const subsets = Array.from(
    { length: 2 ** keys.length },
    (_, mask) => keys.filter((_, at) => (mask >> at) & 1),
  );
  return sql`grouping sets (${
    sql.join(subsets.map((subset) => sql`(${sql.join([...subset, sql`person_id`])})`))
  })`;
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
    // The number of persons is in every result.
    if (fn === "count_persons") continue;
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

function name(prefix: string, at: number): RawBuilder<unknown> {
  return sql.ref(`${prefix}${at}`);
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
