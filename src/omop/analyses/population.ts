/** Who is analysed, as common table expressions that the counts of an analysis share. */
import { type RawBuilder, sql } from "kysely";
import { completedYears } from "../age.ts";
import type { Stratum } from "./schema.ts";
import type { Counts } from "./together.ts";

/** Where the CDM is, and who is analysed. */
export interface Population {
  /** The schema of the CDM's tables. */
  readonly schema: string;
  /**
   * One or two groups: SELECTs of `person_id`, `cohort_start_date` and `cohort_end_date`, which may be null.
   * Undefined: everybody, from the start to the end of each observation period.
   */
  readonly groups: readonly (RawBuilder<unknown> | undefined)[];
}

/** How persons are grouped besides their cohort. */
export interface Grouping {
  readonly strata: readonly Stratum[];
  /** The youngest age of each band but the first, rising. */
  readonly bands: readonly number[];
}

/**
 * The tables from which all counts of an analysis start, each evaluated once. `cohort_rows(g, person_id, s, e)` has the rows of the groups'
 * SELECTs. `entries(g, person_id, s, e, os, oe)` has each cohort entry that starts in an observation period of a person in `person`, with group,
 * start and end of the entry and of the period. An end that is missing or before the start is the start. `first_entries` has each person's first
 * entry of each group.
 *
 * @param population Who is analysed.
 */
export function analysed(population: Population): RawBuilder<unknown> {
  const { schema } = population;
  return sql`cohort_rows as materialized (${cohortRows(population)}),
entries as materialized (
  select distinct on (c.g, c.person_id, c.s, c.e) c.g, c.person_id, c.s, c.e,
    o.observation_period_start_date as os, o.observation_period_end_date as oe
  from cohort_rows as c
  join ${sql.id(schema, "person")} as p on p.person_id = c.person_id
  join ${sql.id(schema, "observation_period")} as o on o.person_id = c.person_id
    and c.s between o.observation_period_start_date and o.observation_period_end_date
  order by c.g, c.person_id, c.s, c.e, o.observation_period_start_date, o.observation_period_id
),
first_entries as (select distinct on (g, person_id) * from entries order by g, person_id, s, e)`;
}

/**
 * Counts who is {@link analysed}.
 *
 * @returns Rows of group, entries, entries that are used, persons of these, and in each row the first and the last day on which anybody
 * of any group is under observation (null if there is nobody); none for a group without entries.
 */
export function populationCounts(): Counts {
  const select = sql`with used as (
  select g, count(*) as entries, count(distinct person_id) as persons, min(s) as since, max(least(e, oe)) as until
  from entries group by g
)
select c.g, count(*), coalesce(max(u.entries), 0), coalesce(max(u.persons), 0),
  min(min(u.since)) over (), max(max(u.until)) over ()
from (select distinct * from cohort_rows) as c left join used as u on u.g = c.g
group by c.g order by c.g`;
  return { select, columns: 6 };
}

/** The entries that are used: rows of person_id and x0, which is 1. */
export const ENTRY_ROWS: RawBuilder<unknown> = sql`select person_id, 1 as x0 from entries`;

/**
 * Rows about the persons of a population.
 *
 * @param population Who is analysed: one group.
 * @param rows A SELECT, which may use the common table expressions of {@link analysed}.
 */
export function rowsAbout(population: Population, rows: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`with ${analysed(population)} select * from (${rows}) as rows_about`;
}

function cohortRows({ schema, groups }: Population): RawBuilder<unknown> {
  const everybody = sql`select person_id, observation_period_start_date as cohort_start_date,
    observation_period_end_date as cohort_end_date from ${sql.id(schema, "observation_period")}`;
  const selects = groups.map((group, at) =>
    sql`select ${sql.lit(at)} as g, q.person_id, q.cohort_start_date as s,
    greatest(q.cohort_end_date, q.cohort_start_date) as e
  from (${group ?? everybody}) as q where q.cohort_start_date is not null`
  );
  return sql.join(selects, sql` union all `);
}

/**
 * The strata as columns `k0`, `k1`…: the gender's concept, the number of the age band, the year; null if unknown.
 *
 * @param grouping The strata.
 * @param date The date that ages and years are of; `p` is the person.
 * @returns Text that follows other columns of a SELECT; empty without strata.
 */
export function stratumColumns({ strata, bands }: Grouping, date: RawBuilder<unknown>): RawBuilder<unknown> {
  const values = {
    gender: () => sql`nullif(p.gender_concept_id, 0)`,
    age_group: () => bandOf(ageOn(date), bands),
    year: () => sql`cast(extract(year from ${date}) as integer)`,
  };
  return sql.join(strata.map((stratum, at) => sql`, ${values[stratum]()} as ${sql.id(`k${at}`)}`), sql``);
}

/**
 * The names of the strata's columns.
 *
 * @param grouping The strata.
 */
export function stratumNames({ strata }: Grouping): readonly RawBuilder<unknown>[] {
  return strata.map((_, at) => sql.id(`k${at}`));
}

/**
 * The strata as group columns of rows whose numbers may leave the database.
 *
 * @param grouping The strata; their columns are in the FROM clause.
 * @param from The place of the first: its column is `g0` for 0.
 * @returns Text that follows other columns of a SELECT.
 */
export function stratumGroups(grouping: Grouping, from: number): RawBuilder<unknown> {
  return further(stratumNames(grouping).map((key, at) => sql`${key} as ${sql.id(`g${from + at}`)}`));
}

/**
 * Columns that follow others.
 *
 * @param names Their names.
 */
export function further(names: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  return sql.join(names.map((name) => sql`, ${name}`), sql``);
}

/**
 * Rows of all strata together, and of each combination of them.
 *
 * @param keys The strata's columns, see {@link stratumNames}.
 * @param by The columns by which both are grouped, too.
 * @returns `all`: a column with 1 in rows of all strata together, 0 in others; `sets`: what follows GROUPING SETS.
 */
export function groupingSets(
  keys: readonly RawBuilder<unknown>[],
  by: RawBuilder<unknown>,
): { readonly all: RawBuilder<unknown>; readonly sets: RawBuilder<unknown> } {
  const [first] = keys;
  if (first === undefined) return { all: sql`1`, sets: sql`((${by}))` };
  return { all: sql`grouping(${first})`, sets: sql`((${by}), (${by}${further(keys)}))` };
}

/**
 * A person's age.
 *
 * @param date The date; `p` is the person.
 */
export function ageOn(date: RawBuilder<unknown>): RawBuilder<number> {
  return completedYears(date, (column) => sql.ref(`p.${column}`));
}

/**
 * The number of an age's band, 0 for the youngest.
 *
 * @param age The age.
 * @param bands The youngest age of each but the first.
 */
export function bandOf(age: RawBuilder<unknown>, bands: readonly number[]): RawBuilder<unknown> {
  return sql`width_bucket(${age}, cast(${`{${bands.join(",")}}`} as integer[]))`;
}
