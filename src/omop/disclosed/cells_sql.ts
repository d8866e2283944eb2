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
  /** Whether each person is known to have one row in `person`. @default false */
  readonly hasUniquePersons?: boolean | undefined;
  /** Finds a cohort's SELECT by its name. */
  readonly cohort?: RowSource["cohort"];
}

/** What is computed from a column of the query's rows, for each cell. */
export interface DisclosedValue {
  /** `records`: rows; `values`: rows with a value; `sum`: of the values; `squares`: sum of their squares; `days`: of observation. */
  readonly kind: "records" | "values" | "sum" | "squares" | "days";
  readonly column: DisclosedSource | undefined;
}

/** A group column of a query's rows. */
export interface GroupColumn {
  /**
   * Whether it is a column of a row's person. Where each person has one row in `person`, nobody is in two of its groups, so that the margins over
   * it are sums of what is beneath them, and persons need not be found again for each.
   */
  readonly isOfPerson?: boolean | undefined;
}

/** Bits of a person's weight, above those of the bucket. */
const WEIGHT_BITS = 20;

/**
 * The statement around a query's rows, which have `person_id`, group columns g0, g1 … and values x0, x1 …. Its levels are those of PostgreSQL's grouping().
 *
 * @param rows The rows.
 * @param groups Their group columns.
 * @param values The values.
 * @param options See {@link DisclosedOptions}.
 */
export function cellsOf(
  rows: RawBuilder<unknown>,
  groups: readonly GroupColumn[],
  values: readonly DisclosedValue[],
  { seed, buckets, k, hasUniquePersons = false }: DisclosedOptions,
): RawBuilder<unknown> {
  const { keys, early, late } = keysOf(groups, hasUniquePersons && !values.some(isSquares));
  const bits = Math.log2(buckets);
  // Sums of integers and of floats are much faster than those of bigints, which PostgreSQL adds up as numeric.
  const bucket = sql`(h & ${sql.lit(buckets - 1)})::int`;
  const weight = sql`(((h >> ${sql.lit(bits)}) & ${sql.lit(2 ** WEIGHT_BITS - 1)})::int + 1)`;
  const perBucket = values.flatMap((value, at) => {
    const isCount = isOfRecords(value);
    const own = isCount ? name("c", at) : name("s", at);
    const size = value.kind === "squares" ? name("e", at) : isCount ? own : sql`abs(${own})`;
    return [
      sql`sum(${own}) as ${name("v", at)}`,
      ...(hasOwnContributors(value)
        ? [
          sql`(count(*) filter (where ${name("c", at)} > 0))::int as ${name("m", at)}`,
          sql`sum(${weight}) filter (where ${name("c", at)} > 0) as ${name("o", at)}`,
        ]
        : []),
      // A float holds every sum of such products: each is below 2 ** 53.
      sql`sum(${isCount ? sql`${own}::float8` : own} * ${weight}) as ${name("k", at)}`,
      sql`max(${size}) as ${name("a", at)}`,
      sql`sum(${size}) as ${name("d", at)}`,
    ];
  });
  const list = (column: RawBuilder<unknown>) =>
    sql`case when sum(n) >= ${sql.lit(k)} then array_agg(coalesce(${column}, 0)) end`;
  const perCell = [
    sql`sum(n)`,
    ...["bucket", "n", "w"].map((column) => list(sql.ref(column))),
    ...values.flatMap((value, at) => {
      const [largest, all] = [name("a", at), name("d", at)];
      return [
        sql`coalesce(sum(${name("v", at)}), 0)`,
        ...(hasOwnContributors(value)
          ? [sql`sum(${name("m", at)})`, list(name("m", at)), list(name("o", at))]
          : []),
        list(name("k", at)),
        list(largest),
        sql`coalesce(max(${all} - ${largest}), 0)`,
        sql`coalesce(sum(${all}), 0)`,
      ];
    }),
  ];
  const by = sql.join([sql`level`, ...keys.map(({ column }) => column)]);
  return sql`with q as (${rows}),
persons as (select ${
    sql.join([
      sql`${levelOf(early)} as level`,
      ...keys.map(({ column }) => column),
      sql`person_id`,
      sql`hashint8extended(person_id, cast(${String(seed)} as bigint)) as h`,
      ...values.flatMap(perPerson),
    ])
  } from q group by ${groupingSets(early, [...late.map(({ column }) => column), sql`person_id`])}),
${centred(values, by)}buckets as (select ${
    sql.join([
      sql`level + ${levelOf(late)} as level`,
      ...keys.map(({ column }) => column),
      sql`${bucket} as bucket`,
      sql`count(*)::int as n`,
      sql`sum(${weight}) as w`,
      ...perBucket,
    ])
  } from ${values.some(isSquares) ? sql`deviations` : sql`persons`} group by ${
    groupingSets(late, [sql`level`, ...early.map(({ column }) => column), bucket])
  })
select ${sql.join([by, ...perCell])} from buckets group by ${by} order by ${by}`;
}

/** What is computed of a person's rows in a cell. */
function perPerson(value: DisclosedValue, at: number): readonly RawBuilder<unknown>[] {
  const count = sql`count(${name("x", at)})::int as ${name("c", at)}`;
  // Records and values are counted, so that each person's part is a count; sums add the values themselves.
  return isOfRecords(value) ? [count] : [count, sql`sum(${name("x", at)}) as ${name("s", at)}`];
}

function isOfRecords({ kind }: DisclosedValue): boolean {
  return kind === "records" || kind === "values";
}

/** A group column, and the bit of a margin's level where it is summed over. */
interface Key {
  readonly column: RawBuilder<unknown>;
  readonly bit: number;
}

/**
 * The group columns, and when the margins over each are made: early, of persons, or late, of buckets. Where there are squares all are early: their
 * distances are from a margin's own mean.
 */
function keysOf(groups: readonly GroupColumn[], mayBeLate: boolean) {
  const keys = groups.map((group, at) => ({
    column: name("g", at),
    bit: 2 ** (groups.length - 1 - at),
    isLate: mayBeLate && group.isOfPerson === true,
  }));
  return { keys, early: keys.filter(({ isLate }) => !isLate), late: keys.filter(({ isLate }) => isLate) };
}

/** The bits of those columns that are summed over. */
function levelOf(keys: readonly Key[]): RawBuilder<unknown> {
  const parts = keys.map(({ column, bit }) => sql`grouping(${column}) * ${sql.lit(bit)}`);
  return parts.length === 0 ? sql`0` : sql.join(parts, sql` + `);
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

/** Every subset of some group columns, each with the columns that are always there. */
function groupingSets(
  keys: readonly Key[],
  always: readonly RawBuilder<unknown>[],
): RawBuilder<unknown> {
  const subsets = Array.from(
    { length: 2 ** keys.length },
    (_, mask) => keys.filter((_, at) => (mask >> at) & 1).map(({ column }) => column),
  );
  return sql`grouping sets (${
    sql.join(subsets.map((subset) => sql`(${sql.join([...subset, ...always])})`))
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
