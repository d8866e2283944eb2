/** Rules about absence: nobody knows what a person had on days without observation. */
import { isRecord } from "../../lib/is_record.ts";
import { cdmTable, type CdmVersion } from "../cdm/mod.ts";
import type { CohortExpression } from "../cohorts/mod.ts";
import { conditionsIn } from "../query/conditions.ts";
import { eventDate } from "../query/event_date.ts";
import type { OmopQuery } from "../query/mod.ts";
import type { LintWarning } from "./warning.ts";

/** A window of more days means "ever", for which observation cannot be asked for. */
const EVER = 3_650;

/** Days around a date on which something must be absent. */
interface Absence {
  readonly table: string;
  readonly window: { readonly from?: unknown; readonly to?: unknown };
}

/** Days of observation that an absence needs before and after the date. */
interface Needed {
  readonly table: string;
  readonly before: number;
  readonly after: number;
}

/**
 * Persons without events in a window that observation may not cover, in a typed query. A query that says anything about observation is left alone,
 * and so is a query of a cohort, whose definition says how long persons must be observed.
 *
 * @param query The query.
 * @param version The CDM's version.
 */
export function queryAbsence(query: OmopQuery, version: CdmVersion): readonly LintWarning[] {
  const { table, cohort, persons, per_person } = query;
  if (cohort !== undefined || table === "observation_period" || aboutObservation(query)) return [];
  const absent = (persons?.without ?? []).flatMap(({ table: other, window }) =>
    typeof other === "string" && isRecord(window) ? [{ table: other.toLowerCase(), window }] : []
  );
  const date = absent.length === 0 ? undefined : eventDate(cdmTable(version, table));
  if (date === undefined) return [];
  return absent.map(neededBy).filter(({ before, after }) => before > 0 || after > 0).map((needed) => {
    const conditions = [
      ...(needed.before > 0
        ? [condition(`days_between(period.observation_period_start_date, ${date})`, needed.before)]
        : []),
      ...(needed.after > 0
        ? [condition(`days_between(${date}, period.observation_period_end_date)`, needed.after)]
        : []),
    ];
    return warning(
      needed,
      `Add to ${per_person === undefined ? "filters" : "then_filters"}: ${conditions.join(", ")}`,
    );
  });
}

/**
 * Finds absence on days that may be without observation in a cohort's definition.
 *
 * @param expression The definition.
 */
export function lintCohort({ rules, observation }: CohortExpression): readonly LintWarning[] {
  const found = rules.flatMap((rule) => {
    if (rule.kind !== "events" || rule.count.is === "at least") return [];
    const { before, after, table } = neededBy({ table: rule.events.table, window: rule.window });
    const needed = {
      table,
      before: before > observation.priorDays ? before : 0,
      after: after > observation.postDays ? after : 0,
    };
    const fixes = [
      ...(needed.before > 0 ? [`prior_observation_days: ${before}`] : []),
      ...(needed.after > 0 ? [`post_observation_days: ${after}`] : []),
    ];
    return fixes.length === 0 ? [] : [warning(needed, `Set ${fixes.join(" and ")}`)];
  });
  return found.slice(0, 1);
}

function aboutObservation(query: OmopQuery): boolean {
  const criteria = [query.persons?.with ?? [], query.persons?.without ?? []].flat();
  return criteria.some(({ table }) => table === "observation_period") ||
    conditionsIn(query, query.table).some(({ column }) => column.includes("observation_period_"));
}

/** Death is known although it ends observation. */
function neededBy({ table, window: { from, to } }: Absence): Needed {
  const days = (value: unknown) => typeof value === "number" && value > 0 && value <= EVER ? value : 0;
  return {
    table,
    before: days(typeof from === "number" ? -from : undefined),
    after: table === "death" ? 0 : days(to),
  };
}

function condition(column: string, days: number): string {
  return JSON.stringify({ column, op: ">=", value: days });
}

function warning({ table, before, after }: Needed, fix: string): LintWarning {
  const days = [
    ...(before > 0 ? [`${before} days before`] : []),
    ...(after > 0 ? [`${after} days after`] : []),
  ];
  return {
    rule: "observation-period",
    problem: `Who was not under observation for ${days.join(" and ")} counts as without ${table}`,
    fix,
  };
}
