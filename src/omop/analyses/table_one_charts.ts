/** The lines of a table one, and its charts. */
import { type Group, groupName, type GroupNames } from "./groups.ts";
import { boundedChart, type Chart } from "./result.ts";

/** A number's summary in a group. */
export interface Summary {
  readonly count: number;
  readonly mean: number;
  /** Null for one person. */
  readonly sd: number | null;
  /** Minimum, quartiles, maximum. */
  readonly range: readonly number[];
}

/** One line of the table; an entry for each group. */
export interface Line {
  readonly variable: string;
  readonly value: string;
  /** For a number; undefined where nobody of the group has a value. */
  readonly summaries?: readonly (Summary | undefined)[];
  /** For a share: persons with it. */
  readonly counts?: readonly number[];
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
      y: ages.map(({ counts }) => counts?.[at] ?? 0),
    })),
  });
}
