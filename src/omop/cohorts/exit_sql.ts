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
}

/**
 * The steps from the events that are kept, `included`, to the cohort's rows, `merged` (person_id, start_date, end_date).
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
    sql`select i.person_id, i.event_id, ${latestEnd(exit)} as end_date from included as i`,
    ...(eras.length === 0 ? [] : [
      sql`select i.person_id, i.event_id, r.end_date from included as i
join eras as r on r.person_id = i.person_id and i.start_date between r.start_date and r.end_date`,
    ]),
    ...censoring.map((events) =>
      sql`select i.person_id, i.event_id, x.start_date from included as i
join (${
        eventsSelect(events, schema)
      }) as x on x.person_id = i.person_id and x.start_date between i.start_date and i.op_end_date`
    ),
  ];
  return [
    ...eras,
    { name: "ends", select: sql.join(ends, sql` union all `) },
    // An event without an end at or after its start is not in the cohort.
    {
      name: "periods",
      select: sql`select i.person_id, i.start_date, min(d.end_date) as end_date from included as i
join ends as d on d.person_id = i.person_id and d.event_id = i.event_id and d.end_date >= i.start_date
group by i.person_id, i.event_id, i.start_date`,
    },
    { name: "merged", select: merged(sql`periods`, mergeGapDays) },
  ];
}

function latestEnd(exit: CohortExit): RawBuilder<unknown> {
  if (exit.kind !== "offset") return sql`i.op_end_date`;
  const from = exit.from === "start" ? sql`i.start_date` : sql`i.end_date`;
  // An event without an end has no offset from it: circe's comparison with null falls to the null end, which no period has.
  return sql`case when ${from} + ${sql.lit(exit.days)} > i.op_end_date then i.op_end_date else ${from} + ${
    sql.lit(exit.days)
  } end`;
}

/** Continuous exposure: exposures of a person whose gaps are short. A drug counts by its standard or its source concept. */
function eraSteps(
  { concepts, gapDays, extraDays }: CohortExit & { readonly kind: "drug era" },
  schema: string,
): readonly Step[] {
  const exposures = ["drug_concept_id", "drug_source_concept_id"].map((column) =>
    sql`select e.person_id, e.drug_exposure_start_date as start_date, ${eventEnd("drug_exposure", "e")} + ${
      sql.lit(extraDays)
    } as end_date from ${sql.id(schema, "drug_exposure")} as e
where e.person_id in (select person_id from included) and ${sql.ref(`e.${column}`)} in (${
      conceptSetMembers(concepts, schema)
    })`
  );
  return [
    { name: "exposures", select: sql.join(exposures, sql` union all `) },
    { name: "eras", select: merged(sql`exposures`, gapDays) },
  ];
}

/** Periods of a person that overlap or are at most some days apart, as one. */
function merged(periods: RawBuilder<unknown>, gapDays: number): RawBuilder<unknown> {
  const gap = sql.lit(gapDays);
  return sql`select g.person_id, min(g.start_date) as start_date, max(g.end_date) as end_date from (
select s.*, sum(s.is_start) over (partition by s.person_id order by s.start_date, s.is_start desc rows unbounded preceding) as island from (
select p.*, case when max(p.end_date + ${gap}) over (partition by p.person_id order by p.start_date, p.end_date
rows between unbounded preceding and 1 preceding) >= p.start_date then 0 else 1 end as is_start from ${periods} as p) as s) as g
group by g.person_id, g.island`;
}
