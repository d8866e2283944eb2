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
import { type DisclosedNumbers, markColumn, markOf, shownCount, threeDigits } from "./disclosed_numbers.ts";
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

/** The numbers of a group's line; undefined: withheld. */
interface Rated extends Rate {
  readonly group: Group;
  readonly persons: number;
  readonly days: number | undefined;
  readonly years: number | undefined;
  readonly outcomes: number | undefined;
  readonly cases: number | undefined;
  /** Whether one was computed from earlier answers. */
  readonly derived?: boolean;
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
  const rated = groups.map((one) => {
    const years = one.days / DAYS_OF_YEAR;
    return { ...one, years, ...rateOf(one.outcomes, years) };
  });
  return {
    ...tablesOf(names, rated),
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

/**
 * The tables of incidence rates from released numbers. Days and years have three significant digits, and rates are computed from these. Groups
 * whose persons at risk are withheld are absent.
 *
 * @param names How groups are named.
 * @param numbers Persons at risk with their days, and persons with an outcome with their outcomes; keys are the strata.
 */
export function disclosedIncidence(
  names: GroupNames,
  { risk, outcomes }: { readonly risk: DisclosedNumbers; readonly outcomes: DisclosedNumbers },
): ResultTables {
  const groups = groupsOf(names, risk.keys.filter(({ length }) => length > 0));
  const rated = groups.flatMap((group): Rated[] => {
    const keys = group.keys ?? [];
    const time = risk.get(group.cohort, keys);
    if (time === undefined) return [];
    const [days] = time.values;
    const years = days === undefined ? undefined : threeDigits(days / DAYS_OF_YEAR);
    const having = outcomes.get(group.cohort, keys);
    return [{
      group,
      persons: time.persons,
      days: days === undefined ? undefined : threeDigits(days),
      years,
      outcomes: having?.values[0],
      cases: having?.persons,
      derived: time.derived || having?.derived === true,
      ...rateOf(having?.values[0], years),
    }];
  });
  return { ...tablesOf(names, rated), notes: [] };
}

function tablesOf(names: GroupNames, rated: readonly Rated[]): Omit<ResultTables, "notes"> {
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
        ...markColumn(rated),
      ],
      rows: rated.map((one): Value[] => [
        ...groupValues(names, one.group),
        one.persons,
        one.days ?? null,
        one.years ?? null,
        one.outcomes ?? null,
        one.cases ?? null,
        one.rate,
        one.lower,
        one.upper,
        one.persons === 0 || one.cases === undefined ? null : Math.min(1, one.cases / one.persons),
        ...markOf(one),
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
        one.years === undefined ? "withheld" : shownNumber(one.years, 6),
        shownCount(one.outcomes),
        shownCount(one.cases),
        rateText(one),
      ]),
    },
    chart: chartOf(names, rated),
  };
}

function rateText({ rate, lower, upper, outcomes, years, derived }: Rated): string {
  if (outcomes === undefined || years === undefined) return "withheld";
  if (rate === null) return "no time at risk";
  return `${shownNumber(rate)} (${shownNumber(lower)} to ${shownNumber(upper)})${
    derived === true ? " ~" : ""
  }`;
}

interface Rate {
  readonly rate: number | null;
  readonly lower: number | null;
  readonly upper: number | null;
}

function rateOf(outcomes: number | undefined, years: number | undefined): Rate {
  if (outcomes === undefined || years === undefined || years === 0) {
    return { rate: null, lower: null, upper: null };
  }
  const time = years / PER;
  const { lower, upper } = poissonInterval(outcomes);
  return { rate: outcomes / time, lower: lower / time, upper: upper / time };
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
