import { type RawBuilder, type SelectQueryBuilder, sql } from "kysely";
import type { CdmVersion } from "../cdm/mod.ts";
import { type AnyDatabase, COMPILER } from "../sql_compiler.ts";
import { columnReference } from "./columns.ts";
import { filterCondition } from "./filters.ts";
import {
  type AggregateOutput,
  type PlainOutput,
  type ResolvedQuery,
  resolveQuery,
  type ResultColumn,
} from "./resolve.ts";
import type { OmopQuery } from "./schema.ts";

/** The CDM of a query, and how much the query may fetch. */
export interface CompileOptions {
  readonly version: CdmVersion;
  /** The schema of the CDM's tables. */
  readonly schema: string;
  /** The maximum of rows; it also caps the query's own limit. */
  readonly maxRows: number;
}

/** A query as SQL. */
export interface CompiledOmopQuery {
  /** PostgreSQL with `$1`, `$2`… for the parameters. It fetches one row more than `limit`, which shows whether the result is truncated. */
  readonly sql: string;
  /** Filter values as exact text, whose type Postgres infers; row counts as numbers. */
  readonly parameters: readonly (string | number)[];
  /** The result's columns in order. */
  readonly columns: readonly ResultColumn[];
  /** The number of rows to keep; a further row shows that the result is truncated. */
  readonly limit: number;
}

type AnySelect = SelectQueryBuilder<AnyDatabase, string, Record<string, unknown>>;

/**
 * Compiles a typed query to SQL.
 *
 * @param query The validated query.
 * @param options Version, schema and the maximum of rows.
 * @returns The SQL, its parameters, and the result's columns.
 * @throws {OmcpError} `invalid_argument` if a name or a value does not fit the CDM.
 */
export function compileOmopQuery(query: OmopQuery, options: CompileOptions): CompiledOmopQuery {
  const resolved = resolveQuery(query, options.version);
  const limit = Math.min(query.limit, options.maxRows);
  let select = rows(resolved, options.schema);
  for (const { name, descending } of resolved.order) {
    select = select.orderBy(sql.ref(name), function direction(order) {
      return (descending ? order.desc() : order.asc()).nullsLast();
    });
  }
  const compiled = select.limit(limit + 1).compile();
  return {
    sql: compiled.sql,
    parameters: compiled.parameters.map(toParameter),
    columns: resolved.outputs.map(({ name, type }) => ({ name, type })),
    limit,
  };
}

/** The outputs, without order or limit. */
function rows(resolved: ResolvedQuery, schema: string): AnySelect {
  const from = tables(resolved, schema);
  const named = resolved.outputs.some((output) => output.kind === "concept_name");
  if (!resolved.grouped || !named) return selectOutputs(from, resolved, sourceValue);
  // A vocabulary has millions of concepts, and joining it to every row before the grouping would take minutes:
  // the groups become the new `t`, and the names are joined to the groups.
  let groups = from;
  for (const output of resolved.outputs) {
    if (output.kind !== "concept_name") groups = groups.select(sourceValue(output).as(output.name));
  }
  const outer: AnySelect = COMPILER.withSchema(schema).selectFrom(groups.as("t"));
  return selectOutputs(outer, resolved, function groupValue(output) {
    return sql.ref(`t.${output.name}`);
  });
}

/** `from table as t [inner join person as p …] [where …] [group by …]` */
function tables(resolved: ResolvedQuery, schema: string): AnySelect {
  let from: AnySelect = COMPILER.withSchema(schema).selectFrom(`${resolved.table.name} as t`);
  if (resolved.joinsPerson) {
    // It multiplies no rows, because person_id is the person's key, and drops only rows without a person.
    from = from.innerJoin("person as p", function on(join) {
      return join.on(sql<boolean>`${sql.ref("p.person_id")} = ${sql.ref("t.person_id")}`);
    });
  }
  for (const { filter, source } of resolved.filters) from = from.where(filterCondition(filter, source));
  for (const column of resolved.groupBy) from = from.groupBy(columnReference(column));
  return from;
}

/** An output's value, computed from the tables. */
function sourceValue(output: PlainOutput | AggregateOutput): RawBuilder<unknown> {
  return output.kind === "aggregate" ? aggregateValue(output) : columnReference(output.source);
}

function selectOutputs(
  from: AnySelect,
  resolved: ResolvedQuery,
  value: (output: PlainOutput | AggregateOutput) => RawBuilder<unknown>,
): AnySelect {
  let select = from;
  for (const [at, output] of resolved.outputs.entries()) {
    if (output.kind !== "concept_name") {
      select = select.select(value(output).as(output.name));
      continue;
    }
    const alias = `c${at}`;
    select = select
      .leftJoin(`concept as ${alias}`, function on(join) {
        return join.on(sql<boolean>`${sql.ref(`${alias}.concept_id`)} = ${value(output.by)}`);
      })
      .select(sql.ref(`${alias}.concept_name`).as(output.name));
  }
  return select;
}

function aggregateValue(output: AggregateOutput): RawBuilder<unknown> {
  if (output.source === undefined) return sql`count(*)`;
  const column = columnReference(output.source);
  const operand = output.distinct ? sql`distinct ${column}` : column;
  switch (output.fn) {
    case "count":
      return sql`count(${operand})`;
    case "sum":
      return sql`sum(${operand})`;
    case "avg":
      return sql`avg(${operand})`;
    case "min":
      return sql`min(${operand})`;
    case "max":
      return sql`max(${operand})`;
    case "stddev":
      return sql`stddev_samp(${operand})`;
    case "median":
      return sql`cast(percentile_cont(0.5) within group (order by ${column}) as numeric)`;
  }
}

/** The compiled parameters are those that this module binds: texts, and the limit. */
function toParameter(value: unknown): string | number {
  if (typeof value === "string" || typeof value === "number") return value;
  throw new TypeError(`Cannot bind a parameter: must be text or a number: received ${typeof value}`);
}
