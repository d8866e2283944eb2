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
import { type DisclosedNumbers, markColumn, markOf, shownCount } from "./disclosed_numbers.ts";
import { boundedChart, type ResultTables, shownNumber, type Value } from "./result.ts";
import type { AnalysisRequest } from "./schema.ts";

const MONTHS = { month: 1, quarter: 3, year: 12 } as const;

/**
 * The periods of an analysis: calendar months, quarters or years. The first begins with the range, and the last ends with it.
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

/** The counts of a group; undefined: withheld. */
interface Prevalence {
  readonly persons: number | undefined;
  readonly cases: number | undefined;
  /** Whether one was computed from earlier answers. */
  readonly derived?: boolean;
}

interface Found extends Prevalence {
  readonly group: Group;
  readonly period: Period;
  readonly share: number | null;
  readonly interval: { readonly lower: number; readonly upper: number } | undefined;
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
  for (const [cohort = null, period = null, all = null, ...rest] of rows) {
    const keys = rest.slice(0, size);
    const [persons = 0, cases = 0] = integersOf(rest.slice(size));
    if (all === "0") occurring.push(keys);
    counts.set(placeOf(Number(period), { cohort: Number(cohort), keys: all === "0" ? keys : undefined }), {
      persons,
      cases,
    });
  }
  const groups = groupsOf(names, occurring);
  const found = groups.flatMap((group) =>
    periods.map((period, at) => shareOf(group, period, counts.get(placeOf(at, group)) ?? NOBODY))
  );
  const notes = found.some(({ cases }) => cases !== 0) ? [] : ["No person has the outcome in any period."];
  return { ...tablesOf(names, groups, found), notes };
}

/**
 * The tables of a prevalence from released numbers. Groups whose number of persons is withheld are absent.
 *
 * @param names How groups are named.
 * @param numbers Persons, and persons with the outcome; keys are the period's place and the strata.
 * @param periods The periods.
 */
export function disclosedPrevalence(
  names: GroupNames,
  { persons, cases }: { readonly persons: DisclosedNumbers; readonly cases: DisclosedNumbers },
  periods: readonly Period[],
): ResultTables {
  const occurring = persons.keys.flatMap(([, ...keys]) => keys.length === 0 ? [] : [keys]);
  const groups = groupsOf(names, occurring);
  const found = groups.flatMap((group) =>
    periods.flatMap((period, at) => {
      const keys = [String(at), ...group.keys ?? []];
      const all = persons.get(group.cohort, keys);
      if (all === undefined) return [];
      const having = cases.get(group.cohort, keys);
      const derived = all.derived || having?.derived === true;
      return [shareOf(group, period, { persons: all.persons, cases: having?.persons, derived })];
    })
  );
  return { ...tablesOf(names, groups, found), notes: [] };
}

const NOBODY: Prevalence = { persons: 0, cases: 0 };

function placeOf(period: number, group: Group): string {
  return `${period} ${groupId(group)}`;
}

function shareOf(group: Group, period: Period, counts: Prevalence): Found {
  const { persons, cases } = counts;
  if (persons === undefined || cases === undefined || persons === 0) {
    return { group, period, ...counts, share: null, interval: undefined };
  }
  // Released numbers of nearly the same persons need not be consistent.
  const shared = Math.min(cases, persons);
  return { group, period, ...counts, share: shared / persons, interval: wilsonInterval(shared, persons) };
}

function tablesOf(
  names: GroupNames,
  groups: readonly Group[],
  found: readonly Found[],
): Omit<ResultTables, "notes"> {
  const drawn = groups.filter((group) => isPart(names, group));
  return {
    table: {
      columns: [
        ...groupColumns(names),
        ...["from", "to", "persons", "cases", "prevalence", "lower_95", "upper_95"],
        ...markColumn(found),
      ],
      rows: found.map((one): Value[] => [
        ...groupValues(names, one.group),
        one.period.from,
        one.period.to,
        one.persons ?? null,
        one.cases ?? null,
        one.share,
        one.interval?.lower ?? null,
        one.interval?.upper ?? null,
        ...markOf(one),
      ]),
    },
    shown: {
      columns: [...groupColumns(names), "period", "persons", "cases", "prevalence (95 % interval)"],
      rows: found.map((one) => [
        ...groupValues(names, one.group),
        one.period.from === one.period.to ? one.period.from : `${one.period.from} to ${one.period.to}`,
        shownCount(one.persons),
        shownCount(one.cases),
        shareText(one),
      ]),
    },
    chart: boundedChart({
      kind: "points",
      title: "Prevalence (95 % interval)",
      x: "",
      y: "share of persons",
      series: drawn.flatMap((group) => {
        const own = found.filter((one) => one.group === group);
        return own.length === 0 ? [] : [{
          name: groupName(names, group),
          x: own.map(({ period }) => period.from),
          y: own.map(({ share }) => share),
          lower: own.map(({ interval }) => interval?.lower ?? null),
          upper: own.map(({ interval }) => interval?.upper ?? null),
        }];
      }),
    }),
  };
}

function shareText({ persons, share, interval, derived }: Found): string {
  if (persons === 0) return "nobody under observation";
  if (share === null || interval === undefined) return "withheld";
  return `${percent(share)} (${percent(interval.lower)} to ${percent(interval.upper)})${
    derived === true ? " ~" : ""
  }`;
}

function percent(share: number): string {
  return `${shownNumber(100 * share)} %`;
}
