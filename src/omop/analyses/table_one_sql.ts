/** What persons are like on their index date, the start of their first entry. */
import { type RawBuilder, sql } from "kysely";
import { eventsOf, type EventSource } from "./outcome.ts";
import {
  ageOn,
  bandOf,
  further,
  type Grouping,
  stratumColumns,
  stratumGroups,
  stratumNames,
} from "./population.ts";
import type { Counts } from "./together.ts";
import { type Covariate, covariateDays } from "./schema.ts";

/** What the statements need. */
export interface TableOneAnalysis extends Grouping {
  readonly source: EventSource;
}

/** The numbers of each person, in the order of the table. */
export const NUMBERS = ["age", "prior observation", "follow-up", "time in cohort"] as const;

/** The attributes of each person, in the order of the table. */
export const ATTRIBUTES = ["age_group", "gender", "race", "ethnicity"] as const;

/**
 * `subjects`, which the counts of a table one share: the first entries with person, strata and age.
 *
 * @param analysis The analysis.
 */
export function subjects(analysis: TableOneAnalysis): RawBuilder<unknown> {
  const { source, bands } = analysis;
  const age = ageOn(sql.ref("f.s"));
  return sql`subjects as materialized (
  select f.*, ${age} as age, ${bandOf(age, bands)} as age_band, p.gender_concept_id, p.race_concept_id,
    p.ethnicity_concept_id${stratumColumns(analysis, sql.ref("f.s"))}
  from first_entries as f join ${sql.id(source.schema, "person")} as p on p.person_id = f.person_id
)`;
}

/**
 * Summaries of {@link NUMBERS}: years for the age, days for the others. Percentiles interpolate between values.
 *
 * @param analysis The analysis.
 * @returns Rows of group, strata, number (its place), persons with a value, mean, standard deviation (of a sample; null for one person),
 * minimum, 25th, 50th and 75th percentile, maximum.
 */
export function numberSummaries(analysis: TableOneAnalysis): Counts {
  const names = stratumNames(analysis);
  const keys = further(names);
  const quartile = (p: number) => sql`percentile_cont(${sql.lit(p)}) within group (order by v.value)`;
  const select =
    sql`select g${keys}, v.at, count(v.value), avg(v.value), stddev_samp(v.value), min(v.value), ${
      quartile(0.25)
    }, ${quartile(0.5)}, ${quartile(0.75)}, max(v.value)
from subjects, lateral (values ${listed(VALUES)}) as v(at, value)
group by g${keys}, v.at`;
  return { select, columns: 10 + names.length };
}

/** The numbers' SQL, in the order of {@link NUMBERS}. */
const VALUES = [sql`age`, sql`s - os`, sql`oe - s`, sql`e - s`] as const;
/** The attributes' SQL, in the order of {@link ATTRIBUTES}. */
const KEYS = [
  sql`age_band`,
  sql`nullif(gender_concept_id, 0)`,
  sql`nullif(race_concept_id, 0)`,
  sql`nullif(ethnicity_concept_id, 0)`,
] as const;

/**
 * The subject of rows of a table one: all persons; persons with a value of one of {@link NUMBERS}, with the value and its square as x0 and x1; all
 * persons by one of {@link ATTRIBUTES}, the last group column; persons with a record of a covariate.
 */
export type TableOneRow =
  | { readonly kind: "persons" }
  | { readonly kind: "number"; readonly at: number }
  | { readonly kind: "attribute"; readonly at: number }
  | { readonly kind: "covariate"; readonly covariate: Covariate };

/**
 * Persons of an analysis of one group.
 *
 * @param analysis The analysis.
 * @param row See {@link TableOneRow}.
 * @returns Rows of person_id, and the strata from g0.
 */
export function tableOneRows(analysis: TableOneAnalysis, row: TableOneRow): RawBuilder<unknown> {
  const columns = sql`with ${subjects(analysis)}${
    row.kind === "covariate" ? sql`,\nevents as (${eventsOf(row.covariate, analysis.source)})` : sql``
  }
select u.person_id${stratumGroups(analysis, 0)}`;
  switch (row.kind) {
    case "persons":
      return sql`${columns} from subjects as u`;
    case "number": {
      const value = VALUES[row.at] ?? VALUES[0];
      return sql`${columns}, (${value})::bigint as x0, (${value})::bigint * (${value}) as x1 from subjects as u where (${value}) is not null`;
    }
    case "attribute":
      return sql`${columns}, ${KEYS[row.at] ?? KEYS[0]} as ${
        sql.id(`g${analysis.strata.length}`)
      } from subjects as u`;
    case "covariate":
      return sql`${columns} from subjects as u where ${hasRecord(row.covariate)}`;
  }
}

/** Whether the subject `u` has one of the `events` in a covariate's days. */
function hasRecord(covariate: Covariate): RawBuilder<unknown> {
  const { from, to } = covariateDays(covariate);
  const after = from === undefined ? sql`` : sql` and v.o_date >= u.s + ${sql.lit(from)}`;
  const before = to === undefined ? sql`` : sql` and v.o_date <= u.s + ${sql.lit(to)}`;
  return sql`exists (
  select 1 from events as v where v.person_id = u.person_id${after}${before}
)`;
}

/**
 * Counts {@link ATTRIBUTES}: the number of the age band, and concepts.
 *
 * @param analysis The analysis.
 * @returns Rows of group, strata, attribute (its place), value (null if unknown), persons.
 */
export function attributeCounts(analysis: TableOneAnalysis): Counts {
  const names = stratumNames(analysis);
  const keys = further(names);
  const select = sql`select g${keys}, v.at, v.value, count(*)
from subjects, lateral (values ${listed(KEYS)}) as v(at, value)
group by g${keys}, v.at, v.value order by count(*) desc, v.value`;
  return { select, columns: 4 + names.length };
}

/**
 * Counts persons with a record of a concept set in days around the index date.
 *
 * @param analysis The analysis.
 * @param covariate The set, and the days.
 * @returns Rows of group, strata, persons with a record.
 */
export function covariateCounts(
  analysis: TableOneAnalysis,
  covariate: Covariate,
): Counts {
  const names = stratumNames(analysis);
  const keys = further(names);
  const select = sql`with events as (${eventsOf(covariate, analysis.source)})
select g${keys}, count(*) from subjects as u where ${hasRecord(covariate)} group by g${keys}`;
  return { select, columns: 2 + names.length };
}

/** Rows of place and value. */
function listed(values: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  return sql.join(values.map((value, at) => sql`(${sql.lit(at)}, ${value})`));
}
