/** Values computed for each group of rows. */
import { type RawBuilder, sql } from "kysely";
import { OmcpError } from "../../errors.ts";
import { MAX_NAME, type Scope } from "./columns.ts";
import type { Value } from "./value.ts";
import { hasColumn } from "./event_date.ts";
import { type ResultColumn, type ResultType, resultType } from "./result_type.ts";
import type { AggregateFunction, OmopAggregate } from "./schema.ts";

/** A computed value in the result. */
export interface AggregateOutput extends ResultColumn {
  readonly kind: "aggregate";
  readonly fn: AggregateFunction;
  /** What it is computed from, as written; undefined if it counts rows. */
  readonly of: string | undefined;
  readonly sql: RawBuilder<unknown>;
}

/**
 * Resolves an aggregate.
 *
 * @param known What the query may name.
 * @param aggregate The aggregate.
 * @returns Its name, type and SQL. Percentiles interpolate linearly, as percentile_cont and pandas do; the standard deviation is of
 * a sample; person_years is the sum of (end - start + 1 day) / 365.25.
 * @throws {OmcpError} `invalid_argument` if it does not fit its column.
 */
export function resolveAggregate(known: Scope, aggregate: OmopAggregate): AggregateOutput {
  const { fn } = aggregate;
  if (fn === "count_persons") return countPersons(known, aggregate);
  if (fn === "person_years") return personYears(known, aggregate);
  const distinct = aggregate.distinct ?? false;
  // As in SQL's `count(*)`.
  const written = aggregate.column === "*" ? undefined : aggregate.column;
  const source = written === undefined ? undefined : known.find(written);
  const word = fn === "percentile"
    ? `p${Math.round((aggregate.p ?? 0.5) * 10_000) / 100}`.replace(".", "_")
    : fn;
  const name = aggregate.as ??
    [word, distinct ? "distinct" : "", source?.name ?? ""].filter(Boolean).join("_").slice(0, MAX_NAME);
  if (source === undefined) {
    if (fn === "count" && !distinct) {
      return { kind: "aggregate", name, fn, of: undefined, type: "bigint", sql: sql`count(*)` };
    }
    throw withoutColumn(fn, distinct);
  }
  if ((fn === "percentile") !== (aggregate.p !== undefined)) {
    throw new OmcpError(
      "invalid_argument",
      fn === "percentile" ? "Cannot compute a percentile without p" : `Cannot use p with ${fn}`,
      {
        next: 'Write {"fn": "percentile", "column": "value_as_number", "p": 0.25}.',
      },
    );
  }
  if ((fn === "median" || fn === "percentile") && distinct) {
    throw new OmcpError("invalid_argument", `Cannot compute a ${fn} of distinct values`, {
      next: "Omit distinct.",
    });
  }
  const { type } = source;
  const arithmetic = fn !== "count" && fn !== "min" && fn !== "max";
  if (arithmetic && type !== "integer" && type !== "numeric") {
    const what = type === "bigint" ? "an identifier" : type;
    throw new OmcpError(
      "invalid_argument",
      `Cannot compute ${fn} of ${aggregate.column}: it is ${what}, not a quantity`,
      {
        next: "Use count, min or max, or a numeric column such as value_as_number.",
      },
    );
  }
  return {
    kind: "aggregate",
    name,
    fn,
    of: written,
    type: aggregateType(fn, source),
    sql: aggregateValue(fn, { column: source.sql, distinct, p: aggregate.p ?? 0.5 }),
  };
}

function countPersons(known: Scope, { fn, as, column }: OmopAggregate): AggregateOutput {
  if (
    !hasColumn(known.table, "person_id") || (column !== undefined && column !== "person_id" && column !== "*")
  ) {
    throw new OmcpError(
      "invalid_argument",
      column === undefined
        ? `Cannot count persons: the table ${known.table.name} has no person_id`
        : `Cannot count persons of ${column}: count_persons counts the distinct person_id`,
      { next: column === undefined ? "Query a table whose rows are about a person." : "Omit its column." },
    );
  }
  const counted = sql`count(distinct ${known.own("person_id")})`;
  return { kind: "aggregate", name: as ?? "persons", fn, of: "person_id", type: "bigint", sql: counted };
}

function personYears(known: Scope, { fn, as }: OmopAggregate): AggregateOutput {
  if (known.table.name !== "observation_period") {
    throw new OmcpError("invalid_argument", `Cannot compute person_years of ${known.table.name}`, {
      next:
        'Query observation_period, with {"column": "person.person_id", "op": "is not null"} in filters to leave out periods of unknown persons.',
    });
  }
  const days = sql`${known.own("observation_period_end_date")} - ${
    known.own("observation_period_start_date")
  } + 1`;
  return {
    kind: "aggregate",
    name: as ?? "person_years",
    fn,
    of: "days",
    type: "numeric",
    sql: sql`sum(${days}) / 365.25`,
  };
}

function aggregateValue(
  fn: Exclude<AggregateFunction, "count_persons" | "person_years">,
  { column, distinct, p }: {
    readonly column: RawBuilder<unknown>;
    readonly distinct: boolean;
    readonly p: number;
  },
): RawBuilder<unknown> {
  const operand = distinct ? sql`distinct ${column}` : column;
  switch (fn) {
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
    case "percentile":
      return sql`cast(percentile_cont(${sql.lit(p)}) within group (order by ${column}) as numeric)`;
  }
}

/** The types Postgres computes: a sum of integers is a bigint, its average a numeric. */
function aggregateType(fn: AggregateFunction, { type }: Value): ResultType {
  if (fn === "count") return "bigint";
  if (fn === "min" || fn === "max") return resultType(type);
  return fn === "sum" && type === "integer" ? "bigint" : "numeric";
}

function withoutColumn(fn: AggregateFunction, distinct: boolean): OmcpError {
  return new OmcpError(
    "invalid_argument",
    `Cannot compute ${distinct ? `${fn} distinct` : fn} without a column`,
    {
      next: `Name one, as in ${
        JSON.stringify(
          distinct
            ? { fn, column: fn === "count" ? "person_id" : "value_as_number", distinct }
            : { fn, column: "value_as_number" },
        )
      }.`,
    },
  );
}
