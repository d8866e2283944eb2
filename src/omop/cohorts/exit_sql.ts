/** When persons leave a cohort, and how their periods are merged: the last steps of circe's generateCohort. */
import { type RawBuilder, sql } from "kysely";
import { conceptSetMembers } from "../concepts/mod.ts";
import { eventEnd } from "./event_tables.ts";
import { eventsSelect } from "./events_sql.ts";
import type { CohortExit, CohortExpression } from "./expression.ts";

/** A named step of a statement: a common table expression. */
export interface Step {
  readonly name: string;
  readonly select: RawBuilder<unknown>;
  /** Whether it is computed once, also where PostgreSQL expects a single reader. */
  readonly materialized?: true;
}

/**
 * The steps from the events that are kept, `included`, to the cohort's rows, `merged` (person_id, start_date, end_date).
 *
 * No step joins two steps: PostgreSQL estimates one row for each of them, and would choose a nested loop.
 *
 * @param expression The definition.
 * @param schema The schema of the CDM's tables.
 */
export function exitSteps(
  { exit, censoring, mergeGapDays }: CohortExpression,
  schema: string,
): readonly Step[] {
  const eras = exit.kind === "drug era" ? eraSteps(exit, schema) : [];
  const ends = [
    notBefore(latestEnd(exit)),
    ...(eras.length === 0 ? [] : [notBefore(sql`i.era_end`)]),
    ...censoring.map((events) =>
      sql`(select min(x.start_date) from (${
        eventsSelect(events, schema, sql`i.person_id`)
      }) as x where x.start_date between i.start_date and i.op_end_date)`
    ),
  ];
  return [
    ...eras,
    // An event without an end at or after its start is not in the cohort.
    {
      name: "periods",
      select: sql`select w.* from (select i.person_id, i.start_date, least(${
        sql.join(ends)
      }) as end_date from ${sql.id(eras.at(-1)?.name ?? "included")} as i) as w where w.end_date is not null`,
    },
    { name: "merged", select: mergedPeriods(mergeGapDays), materialized: true },
  ];
}

/** An end, or null for one before the start, which `least()` leaves out. */
function notBefore(end: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`case when ${end} >= i.start_date then ${end} end`;
}

/** The end that the definition fixes; null for an event that has no end to count from. */
function latestEnd(exit: CohortExit): RawBuilder<unknown> {
  if (exit.kind !== "offset") return sql`i.op_end_date`;
  const end = sql`${exit.from === "start" ? sql`i.start_date` : sql`i.end_date`} + ${sql.lit(exit.days)}`;
  return sql`case when ${end} > i.op_end_date then i.op_end_date else ${end} end`;
}

/**
 * Adds `era_end` to the events: the end of the era that began last, at or before the event's start. An era is continuous exposure:
 * exposures of a person whose gaps are short. A drug counts by its standard or its source concept.
 */
function eraSteps(
  { concepts, gapDays, extraDays }: CohortExit & { readonly kind: "drug era" },
  schema: string,
): readonly Step[] {
  const exposures = ["drug_concept_id", "drug_source_concept_id"].map((column) =>
    sql`select e.person_id, e.drug_exposure_start_date as start_date, ${eventEnd("drug_exposure", "e")} + ${
      sql.lit(extraDays)
    } as exposure_end from ${sql.id(schema, "drug_exposure")} as e
where e.person_id in (select person_id from included) and ${sql.ref(`e.${column}`)} in (${
      conceptSetMembers(concepts, schema)
    })`
  );
  // Events and exposures in one order, events after the exposures of their day; only exposures begin an era.
  const order = sql`start_date, is_event, exposure_end`;
  return [
    { name: "exposures", select: sql.join(exposures, sql` union all `) },
    {
      name: "in_eras",
      select: sql`select r.* from (
select g.*, max(exposure_end) over (partition by person_id, era) as era_end from (
select s.*, sum(begins) over (partition by person_id order by ${order} rows unbounded preceding) as era from (
select u.*, case when is_event = 0 and coalesce(max(exposure_end + ${
        sql.lit(gapDays)
      }) over (partition by person_id order by ${order}
rows between unbounded preceding and 1 preceding) < start_date, true) then 1 else 0 end as begins from (
select person_id, start_date, end_date, op_end_date, cast(null as date) as exposure_end, 1 as is_event from included
union all select person_id, start_date, null, null, exposure_end, 0 from exposures) as u) as s) as g) as r where is_event = 1`,
    },
  ];
}

/**
 * Periods of a person that overlap or are at most some days apart, as one.
 *
 * @param gapDays The most days between two.
 * @returns A SELECT of person_id, start_date and end_date from `periods`, which has the same columns.
 */
export function mergedPeriods(gapDays: number): RawBuilder<unknown> {
  const order = sql`start_date, end_date`;
  return sql`select person_id, min(start_date) as start_date, max(end_date) as end_date from (
select s.*, sum(begins) over (partition by person_id order by ${order} rows unbounded preceding) as island from (
select p.*, case when max(end_date + ${sql.lit(gapDays)}) over (partition by person_id order by ${order}
rows between unbounded preceding and 1 preceding) >= start_date then 0 else 1 end as begins from periods as p) as s) as g
group by person_id, island`;
}
