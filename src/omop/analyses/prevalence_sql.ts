/** Prevalence, with the definitions of DARWIN EU's IncidencePrevalence. */
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

/** A day, or days from the first to the last, YYYY-MM-DD. */
export interface Period {
  readonly from: string;
  readonly to: string;
}

/** What the statement needs. */
export interface PrevalenceAnalysis extends Grouping {
  readonly source: EventSource;
  readonly outcome: Outcome;
  readonly periods: readonly Period[];
  /** Whether to count only persons who are under observation on every day of a period. */
  readonly throughout: boolean;
  /** For how many days after its end an outcome still counts; undefined: forever. */
  readonly lookback: number | undefined;
}

/**
 * Counts persons who are in the population on at least one day of a period, and those of them with the outcome on such a day.
 *
 * @param analysis The analysis.
 * @returns Rows of group, period (its place), whether they are of all strata together (1 or 0), the strata, persons, persons with the
 * outcome.
 */
export function prevalenceCounts(analysis: PrevalenceAnalysis): Counts {
  const keys = stratumNames(analysis);
  const { all, sets } = groupingSets(keys, sql`g, i`);
  const select = sql`${prevalencePersons(analysis)}
select g, i - 1, ${all}${further(keys)}, count(*), count(*) filter (where has_outcome)
from grouped group by grouping sets ${sets} order by 2`;
  return { select, columns: 5 + keys.length };
}

/** Whom {@link prevalenceRows} selects, and whether they are grouped by the strata. */
export interface PrevalenceRows {
  /** Whether only persons with the outcome. */
  readonly cases: boolean;
  readonly byStrata: boolean;
}

/**
 * Persons in each period of an analysis of one group.
 *
 * @param analysis The analysis.
 * @param which See {@link PrevalenceRows}.
 * @returns Rows of person_id, g0 (the period's place), and the strata from g1.
 */
export function prevalenceRows(
  analysis: PrevalenceAnalysis,
  { cases, byStrata }: PrevalenceRows,
): RawBuilder<unknown> {
  return sql`${prevalencePersons(analysis)}
select person_id, i - 1 as g0${byStrata ? stratumGroups(analysis, 1) : sql``} from grouped${
    cases ? sql` where has_outcome` : sql``
  }`;
}

/** `grouped(g, i, person_id, has_outcome, k0, k1 …)`: a row for each person and period. */
function prevalencePersons(analysis: PrevalenceAnalysis): RawBuilder<unknown> {
  const { source, outcome, periods, throughout, lookback } = analysis;
  const dates = (of: (period: Period) => string) => sql`cast(${`{${periods.map(of).join(",")}}`} as date[])`;
  const full = throughout ? sql` and a.s <= t.lo and a.hi >= t.hi` : sql``;
  const lasting = lookback === undefined ? sql`` : sql` and o.o_end + ${sql.lit(lookback)} >= d.since`;
  return sql`with periods as (
  select i, lo, hi from unnest(${dates(({ from }) => from)}, ${
    dates(({ to }) => to)
  }) with ordinality as t(lo, hi, i)
),
joined as (select g, person_id, range_agg(daterange(s, least(e, oe), '[]')) as d from entries group by g, person_id),
there as (select g, person_id, lower(r) as s, upper(r) - 1 as hi from joined, unnest(d) as r),
${outcomeRows(outcome, source, "there")},
days as (
  select a.g, a.person_id, t.i, greatest(a.s, t.lo) as since, least(a.hi, t.hi) as until
  from there as a join periods as t on a.s <= t.hi and a.hi >= t.lo${full}
),
persons as (
  select d.g, d.person_id, d.i, min(d.since) as since, bool_or(o.person_id is not null) as has_outcome
  from days as d left join outcome as o on o.person_id = d.person_id and o.o_start <= d.until${lasting}
  group by 1, 2, 3
),
grouped as (
  select r.g, r.i, r.person_id, r.has_outcome${stratumColumns(analysis, sql.ref("r.since"))}
  from persons as r join ${sql.id(source.schema, "person")} as p on p.person_id = r.person_id
)`;
}
