/** Survival curves from released numbers. */
import { kaplanMeier, type TimeCount } from "../statistics/mod.ts";
import type { DisclosedCell, DisclosedNumbers } from "./disclosed_numbers.ts";
import { type Group, groupName, type GroupNames, groupsOf } from "./groups.ts";
import type { ResultTables } from "./result.ts";
import { type Curve, curveTables } from "./survival.ts";

/** The fewest persons of a curve: one of fewer would err by more than some hundredths. */
export const FEWEST_OF_CURVE = 200;
/** Intervals, besides the days that are asked for: each takes two decisions for each group. */
const MOST_INTERVALS = 10;
/** Intervals are multiples of this many days. */
const STEP_DAYS = 30;

/**
 * The ends of a curve's intervals: the days that are asked for, and others of equal distance between them. They do not depend on anybody's
 * days.
 *
 * @param asked The days that are asked for.
 * @returns Rising.
 */
export function curveDays(asked: readonly number[]): readonly number[] {
  const last = Math.max(...asked);
  const step = Math.max(1, Math.ceil(last / MOST_INTERVALS / STEP_DAYS)) * STEP_DAYS;
  const between = Array.from({ length: Math.floor(last / step) }, (_, at) => (at + 1) * step);
  return [...new Set([...asked, ...between])].sort((a, b) => a - b);
}

/** What was released. */
export interface CurveNumbers {
  /** Persons at the start; keys are the strata. */
  readonly start: DisclosedNumbers;
  /** See `survivalRows`; keys are its g0 and the strata. */
  readonly places: DisclosedNumbers;
}

/**
 * Kaplan–Meier curves of numbers that were released for the ends of intervals. The persons with the outcome by one day are part of those by a later
 * day. If the two sets differ in fewer than 2k − 1 persons, they have the same number, and the curve has no step. Numbers that were computed may
 * differ by fewer. An interval whose outcomes are withheld or too few is part of the next one, and too few outcomes of the last one count as
 * censorings. A curve ends with its last step, and has no step after its number at risk is withheld. After the last step, more than 2k − 2 outcomes
 * can be missing, because several sets in a row may get the same number.
 *
 * @param names How groups are named.
 * @param numbers What was released.
 * @param ends The ends of the intervals, see {@link curveDays}.
 * @param shown The days that are shown.
 * @param least The fewest outcomes of a step.
 */
export function disclosedSurvival(
  names: GroupNames,
  { start, places }: CurveNumbers,
  { ends, shown, least }: {
    readonly ends: readonly number[];
    readonly shown: readonly number[];
    readonly least: number;
  },
): ResultTables {
  const groups = groupsOf(names, start.keys.filter(({ length }) => length > 0));
  const few: Group[] = [];
  const without: Group[] = [];
  const curves = groups.flatMap((group): Curve[] => {
    const keys = group.keys ?? [];
    const all = start.get(group.cohort, keys);
    if (all === undefined) return [];
    const at = (place: number) => places.get(group.cohort, [String(place), ...keys]);
    const known = ends.map((day, i) => ({
      day,
      outcomes: at(2 * i),
      atRisk: at(2 * (ends.length - 1 - i) + 1),
    }));
    const counts = all.persons < FEWEST_OF_CURVE ? [] : countsOf(all.persons, known, least);
    if (counts.length === 0) {
      (all.persons < FEWEST_OF_CURVE ? few : without).push(group);
      return [];
    }
    const derived = [all, ...known.flatMap(({ outcomes, atRisk }) => [outcomes, atRisk])]
      .some((cell) => cell?.derived === true);
    const steps = kaplanMeier(counts);
    const last = steps.findLastIndex(({ events }) => events > 0);
    return [{ group, counts, steps: steps.slice(0, last + 1), derived }];
  });
  const { notes, ...tables } = curveTables(names, curves, shown);
  const named = (own: readonly Group[]) => own.map((group) => groupName(names, group)).join("; ");
  return {
    ...tables,
    notes: [
      `Curves and tests are computed from numbers at the ends of intervals, days ${
        ends.join(", ")
      }: the outcomes of an interval count at its end, half of its censorings before them. Intervals with few outcomes are part of a later one, and a curve ends where few persons are left. After a step, outcomes may be missing until the next one, after the last step more than ${
        least - 1
      } too: the days between show the value of the step before, and tests count what is missing after the last one as censorings. Which days have a step depends on earlier questions too: after other at_days or strata, the same question can have other values.`,
      ...(few.length === 0
        ? []
        : [`No curve, because it would be of fewer than ${FEWEST_OF_CURVE} persons: ${named(few)}.`]),
      ...(without.length === 0 ? [] : [`No curve, because its outcomes are withheld: ${named(without)}.`]),
      ...notes,
    ],
  };
}

/** What is known of the end of an interval. */
interface KnownEnd {
  readonly day: number;
  /** Persons who have had the outcome by the end of the interval; undefined: withheld. */
  readonly outcomes: DisclosedCell | undefined;
  /** Persons who are at risk after the interval; undefined: withheld. */
  readonly atRisk: DisclosedCell | undefined;
}

/** How many persons' time ends by the end of each interval; none if it is not known of any. */
function countsOf(persons: number, ends: readonly KnownEnd[], least: number): readonly TimeCount[] {
  const counts: TimeCount[] = [];
  let left = persons;
  let before = 0;
  let from = 0;
  const hidden = ends.findIndex(({ atRisk }) => atRisk === undefined);
  const known = hidden < 0 ? ends : ends.slice(0, hidden);
  for (const [at, { day, outcomes, atRisk }] of known.entries()) {
    if (atRisk === undefined || outcomes === undefined) continue;
    const difference = outcomes.persons - before;
    // Released numbers of nearly the same persons need not be consistent.
    const events = difference < least ? 0 : difference;
    if (events < difference && at < known.length - 1) continue;
    const lost = Math.max(left - atRisk.persons, events);
    const middle = Math.floor((from + day) / 2);
    const early = middle > from ? Math.floor((lost - events) / 2) : 0;
    if (early > 0) counts.push({ day: middle, events: 0, censored: early });
    counts.push({ day, events, censored: lost - events - early });
    left -= lost;
    before += events;
    from = day;
  }
  const last = counts.pop();
  // Who is left on the last day that is known is censored on it.
  return last === undefined ? [] : [...counts, { ...last, censored: last.censored + left }];
}
