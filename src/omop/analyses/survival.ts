/** Survival curves and their comparison from counts. */
import { counted } from "../../lib/counted.ts";
import { integersOf } from "../concepts/mod.ts";
import {
  kaplanMeier,
  logRank,
  medianOf,
  stepAt,
  type SurvivalStep,
  type TimeCount,
} from "../statistics/mod.ts";
import {
  emptyNotes,
  type Group,
  groupColumns,
  groupId,
  groupName,
  type GroupNames,
  groupsOf,
  groupValues,
  isPart,
} from "./groups.ts";
import { markColumn, markOf } from "./disclosed_numbers.ts";
import { boundedChart, type ResultTables, shownNumber, shownP, type Value } from "./result.ts";

interface Times {
  readonly counts: TimeCount[];
  excluded: number;
}

/** A group's curve. */
export interface Curve {
  readonly group: Group;
  readonly counts: readonly TimeCount[];
  readonly steps: readonly SurvivalStep[];
  /** Whether a number was computed from earlier answers. */
  readonly derived?: boolean;
}

/**
 * Kaplan–Meier curves of every group, and the log-rank test between the groups that are not sums of others.
 *
 * @param names How groups are named.
 * @param rows See `survivalCounts`.
 * @param days The days that are shown.
 */
export function survivalTables(
  names: GroupNames,
  rows: readonly (readonly (string | null)[])[],
  days: readonly number[],
): ResultTables {
  const { times, occurring } = timesOf(names, rows);
  const curves = groupsOf(names, occurring).map((group) => {
    const own = times.get(groupId(group)) ?? { counts: [], excluded: 0 };
    return { group, ...own, steps: kaplanMeier(own.counts) };
  });
  const { notes, ...tables } = curveTables(names, curves, days);
  return {
    ...tables,
    notes: [
      ...curves.filter(({ group, excluded }) => group.keys === undefined && excluded > 0).map((
        { group, excluded },
      ) =>
        `${names.cohorts[group.cohort] ?? ""}: ${
          counted(excluded, "person")
        } left out: an earlier outcome. To count later ones, set clean_window_days.`
      ),
      ...notes,
    ],
  };
}

/**
 * The tables of curves.
 *
 * @param names How groups are named.
 * @param curves The curves.
 * @param days The days that are shown.
 */
export function curveTables(
  names: GroupNames,
  curves: readonly Curve[],
  days: readonly number[],
): ResultTables {
  const parts = curves.filter(({ group }) => isPart(names, group));
  const shownDays = [...new Set(days)].sort((a, b) => a - b);
  return {
    table: {
      columns: [
        ...groupColumns(names),
        ...["day", "at_risk", "events", "censored", "survival", "survival_lower_95", "survival_upper_95"],
        ...markColumn(curves),
      ],
      rows: curves.flatMap(({ group, steps, ...curve }) =>
        steps.map(({ day, atRisk, events, censored, survival, interval }): Value[] => [
          ...groupValues(names, group),
          day,
          atRisk,
          events,
          censored,
          survival,
          interval?.lower ?? null,
          interval?.upper ?? null,
          ...markOf(curve),
        ])
      ),
    },
    shown: {
      columns: [
        ...groupColumns(names),
        "persons",
        "events",
        "median days (95 % interval)",
        ...shownDays.map((day) => `day ${day}`),
      ],
      rows: curves.map((curve) => [
        ...groupValues(names, curve.group),
        shownNumber(curve.steps[0]?.atRisk ?? 0),
        shownNumber(curve.counts.reduce((sum, { events }) => sum + events, 0)),
        `${medianText(curve)}${curve.derived === true ? " ~" : ""}`,
        ...shownDays.map((day) => survivalText(curve, day)),
      ]),
    },
    chart: boundedChart({
      kind: "steps",
      title: "Free of the outcome (Kaplan–Meier, 95 % interval)",
      x: "days",
      y: "share of persons",
      series: parts.filter(({ steps }) => steps.length > 0).map(({ group, steps }) => ({
        name: groupName(names, group),
        x: [0, ...steps.map(({ day }) => day)],
        y: [1, ...steps.map(({ survival }) => survival)],
        lower: [1, ...steps.map(({ interval }) => interval?.lower ?? null)],
        upper: [1, ...steps.map(({ interval }) => interval?.upper ?? null)],
      })),
    }),
    notes: comparison(names, parts),
  };
}

function timesOf(names: GroupNames, rows: readonly (readonly (string | null)[])[]) {
  const size = names.strata.length;
  const times = new Map<string, Times>();
  const occurring = [];
  for (const [cohort = null, ...rest] of rows) {
    const keys = rest.slice(0, size);
    const [day = null, withEvent = null, without = null] = rest.slice(size);
    const [events = 0, censored = 0] = integersOf([withEvent, without]);
    occurring.push(keys);
    for (const group of size === 0 ? [undefined] : [undefined, keys]) {
      const id = groupId({ cohort: Number(cohort), keys: group });
      const own = times.get(id) ?? { counts: [], excluded: 0 };
      times.set(id, own);
      const last = own.counts.at(-1);
      if (day === null) own.excluded += censored;
      // Rows are in the order of the days, so those of other strata on the same day follow each other.
      else if (last?.day === Number(day)) {
        own.counts.splice(-1, 1, {
          day: last.day,
          events: last.events + events,
          censored: last.censored + censored,
        });
      } else own.counts.push({ day: Number(day), events, censored });
    }
  }
  return { times, occurring };
}

function medianText({ steps }: Curve): string {
  if (steps.length === 0) return "nobody";
  const { day, lower, upper } = medianOf(steps);
  if (day === undefined) return "not reached";
  return `${shownNumber(day)} (${lower === undefined ? "not reached" : shownNumber(lower)} to ${
    upper === undefined ? "not reached" : shownNumber(upper)
  })`;
}

/** After the last day of a group, the curve says nothing. */
function survivalText(curve: Curve, day: number): string {
  if (curve.derived !== undefined) return releasedText(curve, day);
  const { steps } = curve;
  const last = steps.at(-1);
  if (last === undefined) return "nobody";
  if (day > last.day && last.survival > 0) return "nobody left";
  // Until the first day on which somebody's time ends, the curve is 1 and its interval, too.
  return withInterval(stepAt(steps, day) ?? { survival: 1, interval: { lower: 1, upper: 1 } });
}

/**
 * The curve at a day, from released numbers. Outcomes since the last step may be missing, so that step's interval need not contain the value of a
 * later day.
 */
function releasedText({ counts, steps, derived }: Curve, day: number): string {
  const step = stepAt(steps.filter(({ events }) => events > 0), day);
  if (step === undefined) return "withheld";
  const mark = derived === true ? " ~" : "";
  if (day === step.day || step.survival === 0) return withInterval(step) + mark;
  const isKnown = day <= (counts.at(-1)?.day ?? 0);
  return isKnown ? `${shownNumber(step.survival)} or less (as on day ${step.day})${mark}` : "withheld";
}

function withInterval({ survival, interval }: Pick<SurvivalStep, "survival" | "interval">): string {
  return interval === undefined
    ? shownNumber(survival)
    : `${shownNumber(survival)} (${shownNumber(interval.lower)} to ${shownNumber(interval.upper)})`;
}

function comparison(names: GroupNames, parts: readonly Curve[]): readonly string[] {
  const filled = parts.filter(({ steps }) => steps.length > 0);
  const empty = parts.filter(({ steps }) => steps.length === 0).map(({ group }) => group);
  const notes = emptyNotes(names, empty);
  if (parts.length < 2) return notes;
  const test = logRank(filled.map(({ counts }) => counts));
  return [
    ...notes,
    test === undefined
      ? "Log-rank test: none, because fewer than two groups have persons and expected events."
      : `Log-rank test of ${test.degrees + 1} groups: chi-square ${shownNumber(test.chiSquare)} with ${
        counted(test.degrees, "degree")
      } of freedom, ${shownP(test.p)}.`,
  ];
}
