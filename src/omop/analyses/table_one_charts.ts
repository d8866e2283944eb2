/** The lines of a table one, and its charts. */
import { bandName, type Group, groupName, type GroupNames } from "./groups.ts";
import { boundedChart, type Chart } from "./result.ts";

/** A number's summary in a group. */
export interface Summary {
  readonly count: number;
  readonly mean: number;
  /** Null for one person, and if it is withheld. */
  readonly sd: number | null;
  /** Minimum, quartiles, maximum; none if they must not be shown. */
  readonly range: readonly number[];
}

/** One line of the table; an entry for each group. */
export interface Line {
  readonly variable: string;
  readonly value: string;
  /** For a number; undefined if nobody of the group has a value, or it is withheld. */
  readonly summaries?: readonly (Summary | undefined)[];
  /** Where rows must not leave the database: whether a group's number was computed from earlier answers. */
  readonly derived?: readonly boolean[];
  /** For a share: persons with it; undefined: withheld. */
  readonly counts?: readonly (number | undefined)[];
}

const UNITS: ReadonlyMap<string, string> = new Map([["age", "years"]]);

/**
 * The unit of a number.
 *
 * @param variable One of `NUMBERS`.
 */
export function unitOf(variable: string): string {
  return UNITS.get(variable) ?? "days";
}

/**
 * The name of an attribute's value.
 *
 * @param names How groups are named.
 * @param variable One of `ATTRIBUTES`.
 * @param value The value; null: unknown.
 */
export function attributeName(names: GroupNames, variable: string, value: string | null): string {
  if (value === null) return "unknown";
  return variable === "age_group"
    ? bandName(names.bands, Number(value))
    : names.concepts.get(Number(value)) ?? `concept ${value}`;
}

/** Lines that are drawn: more labels would cover each other. */
const MOST_LINES = 40;

/**
 * The standardised mean differences of two groups.
 *
 * @param names How groups are named.
 * @param groups The two groups.
 * @param lines The lines with their differences.
 */
export function smdChart(
  names: GroupNames,
  groups: readonly Group[],
  lines: readonly (Line & { readonly smd: number | undefined })[],
): Chart | undefined {
  const drawn = lines.filter(({ smd }) => smd !== undefined).slice(0, MOST_LINES);
  if (drawn.length === 0) return undefined;
  const [first = "", second = ""] = groups.map((group) => groupName(names, group));
  return boundedChart({
    kind: "bars",
    title: `Standardised mean differences, ${first} - ${second}`,
    x: "pooled standard deviations",
    y: "",
    series: [{
      name: "SMD",
      x: drawn.map(({ variable, value, summaries }) =>
        summaries === undefined ? `${variable}: ${value}` : variable
      ),
      y: drawn.map(({ smd }) => smd ?? null),
    }],
  });
}

/**
 * The age groups of any number of groups.
 *
 * @param names How groups are named.
 * @param groups The groups.
 * @param lines The lines.
 */
export function agesChart(
  names: GroupNames,
  groups: readonly Group[],
  lines: readonly Line[],
): Chart | undefined {
  const ages = lines.filter(({ variable, counts }) => variable === "age_group" && counts !== undefined);
  return boundedChart({
    kind: "bars",
    title: "Persons by age on the index date",
    x: "persons",
    y: "",
    series: groups.map((group, at) => ({
      name: groupName(names, group),
      x: ages.map(({ value }) => value),
      y: ages.map(({ counts }) => counts?.[at] ?? null),
    })),
  });
}
