/** Incidence rates from counts. */
import { counted } from "../../lib/counted.ts";
import { integersOf } from "../concepts/mod.ts";
import { poissonInterval } from "../statistics/mod.ts";
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
import { boundedChart, type Chart, type ResultTables, shownNumber, type Value } from "./result.ts";

const DAYS_OF_YEAR = 365.25;
/** Person-years that a rate refers to. */
const PER = 1_000;

/** The counts of a group. */
interface Incidence {
  readonly persons: number;
  readonly days: number;
  readonly outcomes: number;
  readonly cases: number;
  readonly excluded: number;
}

const NOBODY: Incidence = { persons: 0, days: 0, outcomes: 0, cases: 0, excluded: 0 };

/**
 * Rates per 1,000 person-years with exact Poisson intervals, and proportions of the persons at risk.
 *
 * @param names How groups are named.
 * @param rows See `incidenceCounts`.
 */
export function incidenceTables(
  names: GroupNames,
  rows: readonly (readonly (string | null)[])[],
): ResultTables {
  const size = names.strata.length;
  const counts = new Map<string, Incidence>();
  const occurring = [];
  for (const [cohort = null, all = null, ...rest] of rows) {
    const keys = rest.slice(0, size);
    const [persons = 0, days = 0, outcomes = 0, cases = 0, excluded = 0] = integersOf(
      rest.slice(size).map((value) => value ?? "0"),
    );
    if (all === "0") occurring.push(keys);
    counts.set(groupId({ cohort: Number(cohort), keys: all === "0" ? keys : undefined }), {
      persons,
      days,
      outcomes,
      cases,
      excluded,
    });
  }
  const groups = groupsOf(names, occurring).map((group) => ({
    group,
    ...counts.get(groupId(group)) ?? NOBODY,
  }));
  const rated = groups.map((one) => ({ ...one, ...rateOf(one) }));
  return {
    table: {
      columns: [
        ...groupColumns(names),
        "persons_at_risk",
        "person_days",
        "person_years",
        "outcomes",
        "persons_with_outcome",
        "rate_per_1000_person_years",
        "rate_lower_95",
        "rate_upper_95",
        "proportion",
      ],
      rows: rated.map((one): Value[] => [
        ...groupValues(names, one.group),
        one.persons,
        one.days,
        one.days / DAYS_OF_YEAR,
        one.outcomes,
        one.cases,
        one.rate,
        one.lower,
        one.upper,
        one.persons === 0 ? null : one.cases / one.persons,
      ]),
    },
    shown: {
      columns: [
        ...groupColumns(names),
        "persons at risk",
        "person-years",
        "outcomes",
        "persons with outcome",
        "rate per 1,000 person-years (95 % interval)",
      ],
      rows: rated.map((one) => [
        ...groupValues(names, one.group),
        shownNumber(one.persons),
        shownNumber(one.days / DAYS_OF_YEAR, 6),
        shownNumber(one.outcomes),
        shownNumber(one.cases),
        one.rate === null
          ? "no time at risk"
          : `${shownNumber(one.rate)} (${shownNumber(one.lower)} to ${shownNumber(one.upper)})`,
      ]),
    },
    chart: chartOf(names, rated),
    notes: rated.flatMap(({ group, excluded, days, outcomes }) => {
      if (group.keys !== undefined) return [];
      const name = names.cohorts[group.cohort] ?? "";
      return [
        ...(excluded === 0 ? [] : [
          `${name}: ${counted(excluded, "person")} never at risk: an earlier outcome takes all their time.`,
        ]),
        ...(days > 0 && outcomes === 0
          ? [`${name}: no outcome during the time at risk; only the upper limit says something.`]
          : []),
      ];
    }),
  };
}

interface Rate {
  readonly rate: number | null;
  readonly lower: number | null;
  readonly upper: number | null;
}

function rateOf({ outcomes, days }: Incidence): Rate {
  if (days === 0) return { rate: null, lower: null, upper: null };
  const years = days / DAYS_OF_YEAR / PER;
  const { lower, upper } = poissonInterval(outcomes);
  return { rate: outcomes / years, lower: lower / years, upper: upper / years };
}

function chartOf(names: GroupNames, rated: readonly (Rate & { readonly group: Group })[]): Chart | undefined {
  const drawn = rated.filter(({ group, rate }) => rate !== null && isPart(names, group));
  if (drawn.length === 0) return undefined;
  return boundedChart({
    kind: "points",
    title: "Incidence rate (95 % interval)",
    x: "",
    y: "per 1,000 person-years",
    series: [{
      name: "rate",
      x: drawn.map(({ group }) => groupName(names, group)),
      y: drawn.map(({ rate }) => rate),
      lower: drawn.map(({ lower }) => lower),
      upper: drawn.map(({ upper }) => upper),
    }],
  });
}
