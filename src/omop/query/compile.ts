import { type RawBuilder, sql } from "kysely";
import { OmcpError } from "../../errors.ts";
import type { CdmVersion } from "../cdm/mod.ts";
import { COMPILER } from "../sql_compiler.ts";
import type { AggregateOutput } from "./aggregates.ts";
import { rowsOf, type RowSource } from "./cohort_table.ts";
import { Scope } from "./columns.ts";
import type { Value } from "./value.ts";
import { hasColumn } from "./event_date.ts";
import { filterCondition, readConditions } from "./filters.ts";
import { joinClause } from "./joins.ts";
import { listed } from "./listed.ts";
import { queryMeaning } from "./meaning.ts";
import { personConditions } from "./persons.ts";
import { type PlainOutput, type ResolvedQuery, resolveQuery, type UnitsOutput } from "./resolve.ts";
import type { ResultColumn } from "./result_type.ts";
import type { OmopQuery } from "./schema.ts";

/** The CDM of a query, and how much the query may fetch. */
export interface CompileOptions extends RowSource {
  readonly version: CdmVersion;
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
  /** What the query means, in a line of plain words. */
  readonly meaning: string;
}

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
  const order = resolved.order.map(({ name, descending }) =>
    sql`${sql.id(name)} ${descending ? sql`desc` : sql`asc`} nulls last`
  );
  const select = sql`${rows(query, resolved, options)}${listed(" order by ", order)} limit ${limit + 1}`;
  const compiled = select.compile(COMPILER);
  return {
    sql: compiled.sql,
    parameters: compiled.parameters.map(toParameter),
    columns: resolved.outputs.map(({ name, type, kind }) => ({
      name,
      type,
      ...(kind === "aggregate" || kind === "units" ? { statistic: true as const } : {}),
    })),
    limit,
    meaning: queryMeaning(query, resolved),
  };
}

/** The outputs, without order or limit. */
function rows(query: OmopQuery, resolved: ResolvedQuery, source: RowSource): RawBuilder<unknown> {
  const { schema } = source;
  const { groupBy, grouped, outputs } = resolved;
  const from = sql`${fromClause(query, resolved, source)}${
    listed(" group by ", groupBy.map((column) => column.sql))
  }${havingClause(query, resolved, schema)}`;
  const named = outputs.some(({ kind }) => kind === "concept_name" || kind === "units");
  if (!grouped || !named) return selected(outputs, { from, schema, value: sourceValue });
  // A vocabulary has millions of concepts, and joining it to every row before the grouping would take minutes:
  // the groups become the new `t`, and the names are joined to the groups.
  const inner = outputs.filter((output) => output.kind !== "concept_name");
  const groups = sql`select ${
    sql.join(inner.map((output) => sql`${sourceValue(output)} as ${sql.id(output.name)}`))
  } from ${from}`;
  return selected(outputs, {
    from: sql`(${groups}) as "t"`,
    schema,
    value: ({ name }) => sql.ref(`t.${name}`),
  });
}

/**
 * The rows that a query is about: `table as t [left join …] [where …]`.
 *
 * @param query The query.
 * @param resolved Its names; the joins that its conditions need are added.
 * @param source Where the rows of tables are.
 */
export function fromClause(
  query: OmopQuery,
  { scope }: ResolvedQuery,
  source: RowSource,
): RawBuilder<unknown> {
  const { schema } = source;
  const context = { find: (name: string) => scope.find(name), schema };
  const table = rowsOf(query, source);
  if (query.per_person === undefined && query.then_filters !== undefined) {
    throw new OmcpError("invalid_argument", "Cannot use then_filters without per_person", {
      next: "Use filters.",
    });
  }
  if (query.per_person === undefined) {
    const filters = (query.filters ?? []).map((filter) => filterCondition(filter, context));
    const conditions = [...filters, ...personConditions(query.persons, scope, source)];
    return sql`${table} as "t"${joinClause(scope, schema)}${listed(" where ", conditions, " and ")}`;
  }
  // The pick has joins of its own: those that its filters need.
  const pick = new Scope(scope.version, scope.table, "t", query.columns);
  const picked = (query.filters ?? []).map((filter) =>
    filterCondition(filter, { find: (name) => pick.find(name), schema })
  );
  const then = readConditions(query.then_filters ?? [], "then_filters").map((one) =>
    filterCondition(one, context)
  );
  picked.push(...personConditions(query.persons, pick, source, "before"));
  const conditions = [...then, ...personConditions(query.persons, scope, source, "after")];
  return sql`(select distinct on (${pick.own("person_id")}) "t".* from ${table} as "t"${
    joinClause(pick, schema)
  }${listed(" where ", picked, " and ")} order by ${pick.own("person_id")}, ${
    pickOrder(pick, query.per_person)
  }) as "t"${joinClause(scope, schema)}${listed(" where ", conditions, " and ")}`;
}

/** By date; of several rows of a day, by key, so that the answer is always the same. */
function pickOrder(pick: Scope, which: "first" | "last"): RawBuilder<unknown> {
  if (!hasColumn(pick.table, "person_id")) {
    throw new OmcpError(
      "invalid_argument",
      `Cannot use per_person: the table ${pick.table.name} has no person_id`,
      {
        next: "Query a table whose rows are about a person.",
      },
    );
  }
  const direction = which === "first" ? sql`asc` : sql`desc`;
  const keys = pick.table.columns.filter(({ primaryKey }) => primaryKey).map(({ name }) => pick.own(name));
  return sql.join([pick.date("per_person"), ...keys].map((value) => sql`${value} ${direction} nulls last`));
}

/**
 * The conditions on a query's groups: ` having …`, or nothing.
 *
 * @param query The query.
 * @param resolved Its names.
 * @param schema The schema of the CDM's tables.
 */
export function havingClause(
  query: OmopQuery,
  { outputs }: ResolvedQuery,
  schema: string,
): RawBuilder<unknown> {
  const aggregates = outputs.filter((output) => output.kind === "aggregate");
  function find(name: string): Value {
    const found = aggregates.find((one) => one.name === name);
    if (found !== undefined) return { name, type: found.type, sql: found.sql, written: name };
    throw new OmcpError(
      "invalid_argument",
      `Cannot use ${JSON.stringify(name)} in having: it is not an aggregate of this query`,
      {
        next: aggregates.length === 0
          ? "Add aggregates, or use filters."
          : `Its aggregates are: ${aggregates.map((one) => one.name).join(", ")}. For columns use filters.`,
      },
    );
  }
  const conditions = readConditions(query.having ?? [], "having").map((one) =>
    filterCondition(one, { find, schema })
  );
  return listed(" having ", conditions, " and ");
}

type PlacedOutput = PlainOutput | AggregateOutput | UnitsOutput;

/** An output's value, computed from the tables. */
function sourceValue(output: PlacedOutput): RawBuilder<unknown> {
  return output.kind === "column" ? output.source.sql : output.sql;
}

interface Selected {
  readonly from: RawBuilder<unknown>;
  readonly schema: string;
  readonly value: (output: PlacedOutput) => RawBuilder<unknown>;
}

function selected(outputs: ResolvedQuery["outputs"], { from, schema, value }: Selected): RawBuilder<unknown> {
  // Subqueries of one row, not joins: `from` may end with WHERE and GROUP BY.
  const columns = outputs.map((output) => {
    const concepts = sql`from ${sql.id(schema, "concept")} as "c" where ${sql.ref("c.concept_id")}`;
    switch (output.kind) {
      case "concept_name":
        return sql`(select ${sql.ref("c.concept_name")} ${concepts} = ${value(output.by)} limit 1) as ${
          sql.id(output.name)
        }`;
      case "units":
        return sql`(select string_agg(${sql.ref("c.concept_name")}, ' | ' order by ${
          sql.ref("c.concept_id")
        }) ${concepts} = any(${value(output)})) as ${sql.id(output.name)}`;
      case "column":
      case "aggregate":
        return sql`${value(output)} as ${sql.id(output.name)}`;
    }
  });
  return sql`select ${sql.join(columns)} from ${from}`;
}

/** The compiled parameters are those that this module binds: texts, and the limit. */
function toParameter(value: unknown): string | number {
  if (typeof value === "string" || typeof value === "number") return value;
  throw new TypeError(`Cannot bind a parameter: must be text or a number; received ${typeof value}`);
}
