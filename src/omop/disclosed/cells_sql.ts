/** The statement that computes cells, margins and sketches from rows. */
import { type RawBuilder, sql } from "kysely";
import type { CdmVersion } from "../cdm/mod.ts";
import type { RowSource } from "../query/cohort_table.ts";
import type { DisclosedSource } from "./values.ts";

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

/** Bits of a person's weight, above those of the bucket. */
const WEIGHT_BITS = 20;

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
    const size = value.kind === "squares" ? name("e", at) : sql`abs(${own})`;
    return [
      sql`sum(${own}) as ${name("v", at)}`,
      sql`count(*) filter (where ${name("c", at)} > 0) as ${name("m", at)}`,
      ...(hasOwnContributors(value)
        ? [sql`sum(${weight}) filter (where ${name("c", at)} > 0) as ${name("o", at)}`]
        : []),
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
    ...values.flatMap((value, at) => [
      sql`coalesce(sum(${name("v", at)}), 0)`,
      sql`sum(${name("m", at)})`,
      ...(hasOwnContributors(value) ? [list(name("m", at)), list(name("o", at))] : []),
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
${centred(values, sql.join([sql`level`, ...keys]))}buckets as (select ${
    sql.join([
      by,
      sql`(h & ${sql.lit(buckets - 1)})::int as bucket`,
      sql`count(*) as n`,
      sql`sum(${weight}) as w`,
      ...perBucket,
    ])
  } from ${values.some(isSquares) ? sql`deviations` : sql`persons`} group by ${
    sql.join([by, sql`(h & ${sql.lit(buckets - 1)})::int`])
  })
select ${sql.join([by, ...perCell])} from buckets group by ${by} order by ${by}`;
}

/**
 * Whether some persons of a cell may not contribute to a value. All of them contribute records.
 *
 * @param value The value.
 */
export function hasOwnContributors({ kind }: DisclosedValue): boolean {
  return kind !== "records";
}

function isSquares({ kind }: DisclosedValue): boolean {
  return kind === "squares";
}

/**
 * Adds to each person of a cell, for each sum of squares, the sum of the squared distances of their values from the cell's mean:
 * Σ(v − m)² = Σv² − 2mΣv + nm². A standard deviation rests on these, and not on the squares.
 *
 * @param values The values; one of squares has the sum of the same column beside it.
 * @param cell The columns that make a cell.
 */
function centred(values: readonly DisclosedValue[], cell: RawBuilder<unknown>): RawBuilder<unknown> {
  const squares = [...values.entries()].filter(([, value]) => isSquares(value)).map(([at, { column }]) => ({
    at,
    sum: values.findIndex(({ kind, column: other }) => kind === "sum" && other?.name === column?.name),
  }));
  if (squares.length === 0) return sql``;
  const means = squares.map(({ at, sum }) =>
    sql`sum(${name("s", sum)}) over cell / nullif(sum(${name("c", at)}) over cell, 0) as ${name("mean", at)}`
  );
  const distances = squares.map(({ at, sum }) => {
    const mean = name("mean", at);
    return sql`greatest(${name("s", at)} - 2 * ${mean} * ${name("s", sum)} + ${
      name("c", at)
    } * ${mean} * ${mean}, 0) as ${name("e", at)}`;
  });
  return sql`means as (select *, ${sql.join(means)} from persons window cell as (partition by ${cell})),
deviations as (select *, ${sql.join(distances)} from means),
`;
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

/**
 * A numbered column.
 *
 * @param prefix What it is.
 * @param at Its number.
 */
export function name(prefix: string, at: number): RawBuilder<unknown> {
  return sql.ref(`${prefix}${at}`);
}
