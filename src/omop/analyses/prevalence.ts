/** Prevalence from counts. */
import { integersOf } from "../concepts/mod.ts";
import { wilsonInterval } from "../statistics/mod.ts";
import {
  type Group,
  groupColumns,
  groupId,
  groupName,
  type GroupNames,
  groupsOf,
  groupValues,
  isPart,
} from "./groups.ts";
import type { Period } from "./prevalence_sql.ts";
import { boundedChart, type ResultTables, shownNumber, type Value } from "./result.ts";
import type { AnalysisRequest } from "./schema.ts";

const MONTHS = { month: 1, quarter: 3, year: 12 } as const;

/**
 * The periods of an analysis: calendar months, quarters or years that begin in the range, with its first one begun earlier cut.
 *
 * @param request Which periods.
 * @param range The first and the last day.
 * @param most The most periods.
 * @returns Undefined if there are more. For `point`, only each period's first day.
 */
export function periodsOf(
  { type, every }: Pick<AnalysisRequest["periods"], "type" | "every">,
  range: Period,
  most: number,
): readonly Period[] | undefined {
  const periods: Period[] = [];
  for (let from = range.from; from <= range.to;) {
    const next = every === "all" ? undefined : startAfter(from, MONTHS[every]);
    const last = next === undefined || next > range.to ? range.to : dayBefore(next);
    periods.push({ from, to: type === "point" ? from : last });
    if (periods.length > most) return undefined;
    if (next === undefined) break;
    from = next;
  }
  return periods;
}

/** The start of the calendar period after the one with a day. */
function startAfter(day: string, months: number): string {
  const [year = 0, month = 1] = day.split("-").map(Number);
  const first = (year * 12 + month - 1) - (month - 1) % months + months;
  return `${String(Math.floor(first / 12)).padStart(4, "0")}-${String(first % 12 + 1).padStart(2, "0")}-01`;
}

function dayBefore(day: string): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) - 86_400_000).toISOString().slice(0, 10);
}

/** The counts of a group. */
interface Prevalence {
  readonly persons: number;
  readonly cases: number;
}

/**
 * Shares of the persons in each period, with Wilson's intervals.
 *
 * @param names How groups are named.
 * @param rows See `prevalenceCounts`.
 * @param periods The periods, in the order of the rows' places.
 */
export function prevalenceTables(
  names: GroupNames,
  rows: readonly (readonly (string | null)[])[],
  periods: readonly Period[],
): ResultTables {
  const size = names.strata.length;
  const counts = new Map<string, Prevalence>();
  const occurring = [];
  const id = (period: number, group: Group) => `${period} ${groupId(group)}`;
  for (const [cohort = null, period = null, all = null, ...rest] of rows) {
    const keys = rest.slice(0, size);
    const [persons = 0, cases = 0] = integersOf(rest.slice(size));
    if (all === "0") occurring.push(keys);
    counts.set(id(Number(period), { cohort: Number(cohort), keys: all === "0" ? keys : undefined }), {
      persons,
      cases,
    });
  }
  const groups = groupsOf(names, occurring);
  const found = groups.flatMap((group) =>
    periods.map((period, at) => {
      const { persons, cases } = counts.get(id(at, group)) ?? { persons: 0, cases: 0 };
      return {
        group,
        period,
        persons,
        cases,
        interval: persons === 0 ? undefined : wilsonInterval(cases, persons),
      };
    })
  );
  const drawn = groups.filter((group) => isPart(names, group));
  return {
    table: {
      columns: [
        ...groupColumns(names),
        ...["from", "to", "persons", "cases", "prevalence", "lower_95", "upper_95"],
      ],
      rows: found.map(({ group, period, persons, cases, interval }): Value[] => [
        ...groupValues(names, group),
        period.from,
        period.to,
        persons,
        cases,
        persons === 0 ? null : cases / persons,
        interval?.lower ?? null,
        interval?.upper ?? null,
      ]),
    },
    shown: {
      columns: [...groupColumns(names), "period", "persons", "cases", "prevalence (95 % interval)"],
      rows: found.map(({ group, period, persons, cases, interval }) => [
        ...groupValues(names, group),
        period.from === period.to ? period.from : `${period.from} to ${period.to}`,
        shownNumber(persons),
        shownNumber(cases),
        interval === undefined
          ? "nobody under observation"
          : `${percent(cases / persons)} (${percent(interval.lower)} to ${percent(interval.upper)})`,
      ]),
    },
    chart: boundedChart({
      kind: "points",
      title: "Prevalence (95 % interval)",
      x: "",
      y: "share of persons",
      series: drawn.map((group) => {
        const own = found.filter((one) => one.group === group);
        return {
          name: groupName(names, group),
          x: own.map(({ period }) => period.from),
          y: own.map(({ persons, cases }) => persons === 0 ? null : cases / persons),
          lower: own.map(({ interval }) => interval?.lower ?? null),
          upper: own.map(({ interval }) => interval?.upper ?? null),
        };
      }),
    }),
    notes: found.some(({ cases }) => cases > 0) ? [] : ["No person has the outcome in any period."],
  };
}

function percent(share: number): string {
  return `${shownNumber(100 * share)} %`;
}
