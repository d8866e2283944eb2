/** What persons are like on their index date, the start of their first entry. */
import { type RawBuilder, sql } from "kysely";
import { eventsOf, type EventSource } from "./outcome.ts";
import { ageOn, bandOf, further, type Grouping, stratumColumns, stratumNames } from "./population.ts";
import type { Counts } from "./together.ts";
import type { Covariate } from "./schema.ts";

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
from subjects, lateral (values (0, age), (1, s - os), (2, oe - s), (3, e - s)) as v(at, value)
group by g${keys}, v.at`;
  return { select, columns: 10 + names.length };
}

/**
 * Counts {@link ATTRIBUTES}: the number of the age band, and concepts.
 *
 * @param analysis The analysis.
 * @returns Rows of group, strata, attribute (its place), value (null where unknown), persons.
 */
export function attributeCounts(analysis: TableOneAnalysis): Counts {
  const names = stratumNames(analysis);
  const keys = further(names);
  const select = sql`select g${keys}, v.at, v.value, count(*)
from subjects, lateral (values (0, age_band), (1, nullif(gender_concept_id, 0)), (2, nullif(race_concept_id, 0)),
  (3, nullif(ethnicity_concept_id, 0))) as v(at, value)
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
  { items, from_day, to_day }: Covariate,
): Counts {
  const names = stratumNames(analysis);
  const keys = further(names);
  const select = sql`with events as (${eventsOf({ items }, analysis.source)})
select g${keys}, count(*) from subjects as u where exists (
  select 1 from events as v where v.person_id = u.person_id and v.o_date between u.s + ${
    sql.lit(from_day)
  } and u.s + ${sql.lit(to_day)}
) group by g${keys}`;
  return { select, columns: 2 + names.length };
}
