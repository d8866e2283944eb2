/** Time at risk, with the definitions of OHDSI's CohortIncidence. */
import { type RawBuilder, sql } from "kysely";
import { type EventSource, type Outcome, outcomeRows } from "./outcome.ts";
import {
  further,
  type Grouping,
  groupingSets,
  stratumColumns,
  stratumGroups,
  stratumNames,
} from "./population.ts";
import type { Counts } from "./together.ts";
import type { AnalysisRequest } from "./schema.ts";

/** What both analyses of time at risk need. */
export interface RiskAnalysis extends Grouping {
  readonly source: EventSource;
  readonly outcome: Outcome;
  readonly timeAtRisk: AnalysisRequest["time_at_risk"];
  /** Days after an outcome in which a person is not at risk; undefined: all. */
  readonly cleanWindow: number | undefined;
}

/** The first and the last day at risk of an entry: `lo`, `hi`; there is none where `lo` is after `hi`. */
function limits(
  { start_with, start_offset, end_with, end_offset }: RiskAnalysis["timeAtRisk"],
): RawBuilder<unknown> {
  const anchors = { start: sql.id("s"), end: sql.id("e"), observation_end: sql.id("oe") };
  return sql`greatest(${anchors[start_with]} + ${sql.lit(start_offset)}, os) as lo,
    least(${anchors[end_with]} + ${sql.lit(end_offset)}, oe) as hi`;
}

/**
 * Counts outcomes and person-days. Overlapping or adjacent times of a person are one. An outcome takes the person out of it from the day
 * after its start to `cleanWindow` days after its end, whether or not it counts itself.
 *
 * @param analysis The analysis.
 * @returns Rows of group, whether they are of all strata together (1 or 0), the strata, persons at risk, person-days, outcomes, persons
 * with an outcome, persons whose whole time an earlier outcome takes away.
 */
export function incidenceCounts(analysis: RiskAnalysis): Counts {
  const keys = stratumNames(analysis);
  const { all, sets } = groupingSets(keys, sql`g`);
  const select = sql`${personsAtRisk(analysis)}
select g, ${all}${further(keys)}, count(distinct person_id) filter (where days > 0), sum(days), sum(n),
  count(distinct person_id) filter (where n > 0),
  count(distinct person_id) - count(distinct person_id) filter (where days > 0)
from persons group by grouping sets ${sets}`;
  return { select, columns: 7 + keys.length };
}

/** Whom rows are about, and whether they are grouped by the strata. */
export interface RiskRows {
  /** Persons at risk with their days, or persons with an outcome with their outcomes. */
  readonly of: "days" | "outcomes";
  readonly byStrata: boolean;
}

/**
 * Persons of an analysis of one group.
 *
 * @param analysis The analysis.
 * @param which See {@link RiskRows}.
 * @returns Rows of person_id, x0 (days or outcomes), and the strata from g0.
 */
export function incidenceRows(analysis: RiskAnalysis, { of, byStrata }: RiskRows): RawBuilder<unknown> {
  const number = sql.id(of === "days" ? "days" : "n");
  return sql`${personsAtRisk(analysis)}
select person_id, ${number} as x0${
    byStrata ? stratumGroups(analysis, 0) : sql``
  } from persons where ${number} > 0`;
}

/** `persons(g, person_id, n, days, k0, k1 …)`: a row for each part of a person's time. */
function personsAtRisk(analysis: RiskAnalysis): RawBuilder<unknown> {
  const { source, outcome, timeAtRisk, cleanWindow, strata } = analysis;
  const byYear = strata.includes("year");
  const years = byYear
    ? sql`, generate_series(cast(extract(year from lower(d.d)) as integer), cast(extract(year from upper(d.d) - 1) as integer)) as y`
    : sql``;
  const part = byYear ? sql`d.d * daterange(make_date(y, 1, 1), make_date(y + 1, 1, 1))` : sql`d.d`;
  return sql`with limits as (select g, person_id, ${limits(timeAtRisk)} from entries),
tar as (
  select g, person_id, range_agg(daterange(lo, hi, '[]')) as days from limits where lo <= hi group by g, person_id
),
${outcomeRows(outcome, source, "tar")},
gone as (${gone(cleanWindow)}),
parts as (select t.g, t.person_id, ${part} as d from tar as t, unnest(t.days) as d(d)${years}),
risk as (
  select a.g, a.person_id, lower(a.d) as since, datemultirange(a.d) - coalesce(x.days, datemultirange()) as days
  from parts as a left join gone as x on x.person_id = a.person_id
),
counted as (
  select r.g, r.person_id, r.since, count(distinct o.o_start) as n
  from risk as r join outcome as o on o.person_id = r.person_id and r.days @> o.o_start group by 1, 2, 3
),
persons as (
  select r.g, r.person_id, coalesce(c.n, 0) as n,
    (select coalesce(sum(upper(d) - lower(d)), 0) from unnest(r.days) as d) as days${
    stratumColumns(analysis, sql.ref("r.since"))
  }
  from risk as r join ${sql.id(source.schema, "person")} as p on p.person_id = r.person_id
  left join counted as c on c.g = r.g and c.person_id = r.person_id and c.since = r.since
)`;
}

/** The days of each person that earlier outcomes take away. */
function gone(cleanWindow: number | undefined): RawBuilder<unknown> {
  if (cleanWindow === undefined) {
    return sql`select person_id, datemultirange(daterange(min(o_start) + 1, null)) as days from outcome group by person_id`;
  }
  return sql`select person_id, range_agg(daterange(o_start + 1, o_end + ${
    sql.lit(cleanWindow + 1)
  })) as days from outcome where o_end + ${sql.lit(cleanWindow)} > o_start group by person_id`;
}

/**
 * Counts persons by the day on which their time ends: with the first outcome, or without one where the time at risk ends. Each person has
 * one time: of the first entry of a group.
 *
 * @param analysis The analysis.
 * @returns Rows of group, the strata, the day (0 is the first day at risk; null for persons whom an earlier outcome excludes), persons
 * with the outcome, persons without; in the order of the days.
 */
export function survivalCounts(analysis: RiskAnalysis): Counts {
  const names = stratumNames(analysis);
  const keys = further(names);
  const select = sql`${personsByDay(analysis)}
select g${keys}, day, count(*) filter (where has_event), count(*) filter (where not has_event)
from persons group by g${keys}, day order by day`;
  return { select, columns: 4 + names.length };
}

/** The last days of intervals of a curve, and whether persons are grouped by the strata. */
export interface CurveRows {
  /** Rising; none: persons at the start. */
  readonly days: readonly number[];
  readonly byStrata: boolean;
}

/**
 * Persons of an analysis of one group, at the ends of intervals that do not depend on them. Both sets grow with g0: so the smallest are
 * decided about first.
 *
 * @param analysis The analysis.
 * @param curve See {@link CurveRows}.
 * @returns Rows of person_id, with days also g0, and the strata: from g1 with days, from g0 without. g0 is 2i for persons who have had the outcome
 * by the end of interval i, and 2i + 1 for persons who are at risk after interval length − 1 − i.
 */
export function survivalRows(
  analysis: RiskAnalysis,
  { days, byStrata }: CurveRows,
): RawBuilder<unknown> {
  const strata = (from: number) => byStrata ? stratumGroups(analysis, from) : sql``;
  const persons = personsByDay(analysis);
  if (days.length === 0) {
    return sql`${persons} select person_id${strata(0)} from persons where day is not null`;
  }
  const ends = sql`unnest(cast(${`{${days.join(",")}}`} as integer[])) with ordinality as t(until, i)`;
  return sql`${persons}
select person_id, place as g0${strata(1)} from persons, lateral (
  select 2 * (i - 1) as place from ${ends} where has_event and day <= until
  union all
  select 2 * (${sql.lit(days.length)} - i) + 1 from ${ends} where day > until
) as places where day is not null`;
}

/** `persons(g, person_id, day, has_event, k0, k1 …)`: the day on which each person's time ends. */
function personsByDay(analysis: RiskAnalysis): RawBuilder<unknown> {
  const { source, outcome, timeAtRisk, cleanWindow } = analysis;
  const before = cleanWindow === undefined
    ? sql`o.o_start < j.lo`
    : sql`o.o_start < j.lo and o.o_end + ${sql.lit(cleanWindow)} >= j.lo`;
  return sql`with limits as (select g, person_id, ${limits(timeAtRisk)} from first_entries),
subjects as (select * from limits where lo <= hi),
${outcomeRows(outcome, source, "subjects")},
fates as (
  select j.g, j.person_id, j.lo, j.hi, min(o.o_start) filter (where o.o_start between j.lo and j.hi) as event,
    coalesce(bool_or(${before}), false) as excluded
  from subjects as j left join outcome as o on o.person_id = j.person_id group by 1, 2, 3, 4
),
persons as (
  select f.g, f.person_id, case when f.excluded then null else coalesce(f.event, f.hi) - f.lo end as day,
    f.event is not null and not f.excluded as has_event${stratumColumns(analysis, sql.ref("f.lo"))}
  from fates as f join ${sql.id(source.schema, "person")} as p on p.person_id = f.person_id
)`;
}
