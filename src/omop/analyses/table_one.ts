/** Table one from summaries and counts. */
import { integersOf } from "../concepts/mod.ts";
import { meanDifference, proportionDifference } from "../statistics/mod.ts";
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
import { type ResultTables, shownNumber, type Value } from "./result.ts";
import { agesChart, attributeName, type Line, smdChart, type Summary, unitOf } from "./table_one_charts.ts";
import { rangeOf, rangeText, rangeValues, rangeWords, type SmdRange } from "./smd_range.ts";
import { ATTRIBUTES, NUMBERS } from "./table_one_sql.ts";

type Row = readonly (string | null)[];

/** A covariate and its counts. */
export interface CountedCovariate {
  readonly name: string;
  /** See `covariateCounts`. */
  readonly rows: readonly Row[];
}

/** What the database counted. */
export interface TableOneRows {
  /** See `numberSummaries`. */
  readonly numbers: readonly Row[];
  /** See `attributeCounts`. */
  readonly attributes: readonly Row[];
  readonly covariates: readonly CountedCovariate[];
}

/** Values of an attribute that have a line of their own. */
const MOST_VALUES = 20;
/**
 * Table one: numbers as mean, standard deviation and quartiles, the others as counts and shares of the group. With two groups, the
 * standardised mean difference of each line (Austin 2009).
 *
 * @param names How groups are named.
 * @param rows What was counted.
 */
export function tableOneTables(names: GroupNames, rows: TableOneRows): ResultTables {
  const size = names.strata.length;
  const occurring = rows.numbers.map((row) => row.slice(1, 1 + size));
  // Each person is in one group: of all strata together there is a table without strata.
  const groups = groupsOf(names, occurring).filter((group) => isPart(names, group));
  const place = new Map(groups.map((group, at) => [groupId(group), at]));
  const placeOf = (row: Row) =>
    place.get(groupId({ cohort: Number(row[0]), keys: size === 0 ? undefined : row.slice(1, 1 + size) }));
  const lines = [
    ...numberLines(groups, rows.numbers, { placeOf, from: 1 + size }),
    ...attributeLines(names, groups, rows.attributes, { placeOf, from: 1 + size }),
    ...rows.covariates.map(({ name, rows: counted }): Line => {
      const counts = groups.map(() => 0);
      for (const row of counted) {
        const at = placeOf(row);
        if (at !== undefined) counts[at] = integersOf([row[1 + size] ?? "0"])[0] ?? 0;
      }
      return { variable: name, value: "recorded", counts };
    }),
  ];
  const persons = personsOf(groups, rows.attributes, { placeOf, from: 1 + size });
  return linesTables(names, groups, { lines, persons });
}

interface Places {
  readonly placeOf: (row: Row) => number | undefined;
  /** Index of the first value after the strata in a row. */
  readonly from: number;
}

function numberLines(groups: readonly Group[], rows: readonly Row[], { placeOf, from }: Places): Line[] {
  return NUMBERS.map((variable, at) => {
    const summaries = groups.map((): Summary | undefined => undefined);
    for (const row of rows) {
      const group = placeOf(row);
      const [number, count = null, mean = null, sd = null, ...range] = row.slice(from);
      if (group === undefined || Number(number) !== at || Number(count) === 0) continue;
      summaries[group] = {
        count: Number(count),
        mean: Number(mean),
        sd: sd === null ? null : Number(sd),
        range: range.map(Number),
      };
    }
    return { variable, value: unitOf(variable), summaries };
  });
}

function attributeLines(
  names: GroupNames,
  groups: readonly Group[],
  rows: readonly Row[],
  { placeOf, from }: Places,
): Line[] {
  return ATTRIBUTES.flatMap((variable, at) => {
    const values = new Map<string | null, number[]>();
    const zeros = () => groups.map(() => 0);
    if (variable === "age_group") {
      for (let band = 0; band <= names.bands.length; band += 1) values.set(String(band), zeros());
    }
    const other = zeros();
    let others = 0;
    for (const row of rows) {
      const [attribute, value = null, count = null] = row.slice(from);
      const group = placeOf(row);
      if (Number(attribute) !== at || group === undefined) continue;
      const known = values.get(value);
      // Rows come with the most frequent values first.
      const counts = known ?? (values.size < MOST_VALUES ? zeros() : other);
      if (counts === other) others += 1;
      else values.set(value, counts);
      counts[group] = (counts[group] ?? 0) + Number(count);
    }
    const named = [...values].map(([value, counts]): Line => ({
      variable,
      value: attributeName(names, variable, value),
      counts,
    }));
    return others === 0
      ? named
      : [...named, { variable, value: `${others} rarer values together`, counts: other }];
  });
}

/** Everybody has a gender, if only an unknown one. */
function personsOf(
  groups: readonly Group[],
  rows: readonly Row[],
  { placeOf, from }: Places,
): readonly number[] {
  const persons = groups.map(() => 0);
  const gender = ATTRIBUTES.indexOf("gender");
  for (const row of rows) {
    const [attribute, , count = null] = row.slice(from);
    const group = placeOf(row);
    if (group !== undefined && Number(attribute) === gender) {
      persons[group] = (persons[group] ?? 0) + Number(count);
    }
  }
  return persons;
}

/** The lines of a table one. */
export interface Lines {
  readonly lines: readonly Line[];
  /** Persons of each group. */
  readonly persons: readonly number[];
  /** Where rows must not leave the database: by how many persons each number may be off. */
  readonly slack?: number;
}

/**
 * The tables of a table one.
 *
 * @param names How groups are named.
 * @param groups The groups.
 * @param lines See {@link Lines}.
 */
export function linesTables(
  names: GroupNames,
  groups: readonly Group[],
  { lines, persons, slack }: Lines,
): ResultTables {
  const compared = lines.map((line): Compared => {
    const smd = differenceOf(line, persons);
    return slack === undefined || smd === undefined
      ? { ...line, smd }
      : { ...line, smd, range: rangeOf(line, persons, slack) };
  });
  const two = groups.length === 2;
  const labels = groups.map((group) => groupName(names, group));
  return {
    shown: {
      columns: [
        "variable",
        "value",
        ...labels,
        ...(two ? ["SMD"] : []),
      ],
      rows: [
        ["persons", "", ...persons.map((count) => shownNumber(count)), ...(two ? [""] : [])],
        ...compared.map((line) => [
          line.variable,
          line.value,
          ...persons.map((count, at) => lineText(line, at, count)),
          ...(two ? [smdText(line)] : []),
        ]),
      ],
    },
    table: {
      columns: [
        ...groupColumns(names),
        ...["variable", "value", "persons", "share", "mean", "sd", "min", "p25", "median", "p75", "max"],
        ...(two ? ["smd"] : []),
        ...(two && slack !== undefined ? ["smd_lower", "smd_upper"] : []),
        ...(lines.some(({ derived }) => derived !== undefined) ? ["mark"] : []),
      ],
      rows: compared.flatMap((line) =>
        groups.map((group, at): Value[] => {
          const summary = line.summaries?.[at];
          const count = line.counts === undefined ? summary?.count ?? missing(line) : line.counts[at] ?? null;
          const of = persons[at] ?? 0;
          return [
            ...groupValues(names, group),
            line.variable,
            line.value,
            count,
            line.counts === undefined || of === 0 || count === null ? null : Math.min(1, count / of),
            summary?.mean ?? null,
            summary?.sd ?? null,
            ...[0, 1, 2, 3, 4].map((place) => summary?.range[place] ?? null),
            ...(two ? [line.smd ?? null] : []),
            ...(two && slack !== undefined ? rangeValues(line.range) : []),
            ...(line.derived === undefined ? [] : [line.derived[at] === true ? "~" : ""]),
          ];
        })
      ),
    },
    chart: two ? smdChart(names, groups, compared) : agesChart(names, groups, lines),
    notes: [
      ...emptyNotes(names, groups.filter((_, at) => persons[at] === 0)),
      ...(two
        ? [
          `SMD: ${labels.join(" minus ")}, in pooled standard deviations; ${
            slack === undefined ? "above 0.1 counts as an imbalance." : rangeWords(slack)
          }`,
        ]
        : []),
      ...(groups.length > 2 ? ["SMD: none, because it compares two groups, and there are more."] : []),
    ],
  };
}

/** Persons with a number that has no summary: nobody has a value, or it is withheld. */
function missing({ derived }: Line): number | null {
  return derived === undefined ? 0 : null;
}

function missingText({ derived }: Line, text: string): string {
  return derived === undefined ? text : "withheld";
}

function lineText(line: Line, at: number, of: number): string {
  const { summaries, counts, derived } = line;
  const mark = derived?.[at] === true ? " ~" : "";
  if (counts !== undefined) {
    const count = counts[at];
    if (count === undefined) return "withheld";
    const share = Math.min(100, 100 * count / of);
    return of === 0 ? "nobody" : `${shownNumber(count)} (${share.toFixed(1)} %)${mark}`;
  }
  const summary = summaries?.[at];
  if (summary === undefined) return of === 0 ? "nobody" : missingText(line, "no values");
  const { count, mean, sd, range: [min, low, median, high, max] } = summary;
  if (derived !== undefined) {
    return `${shownNumber(mean)} (SD ${sd === null ? "withheld" : shownNumber(sd)})${mark}`;
  }
  return `${shownNumber(mean)} (SD ${sd === null ? "of one value: none" : shownNumber(sd)}), median ${
    shownNumber(median)
  } [${shownNumber(low)} to ${shownNumber(high)}], range ${shownNumber(min)} to ${shownNumber(max)}${
    count < of ? `, ${shownNumber(of - count)} without a value` : ""
  }`;
}

interface Compared extends Line {
  readonly smd: number | undefined;
  /** Where rows must not leave the database. */
  readonly range?: SmdRange;
}

function smdText(line: Compared): string {
  const { smd, range } = line;
  if (smd === undefined) return missingText(line, "not defined");
  return range === undefined
    ? shownNumber(smd, 3)
    : rangeText(smd, range) + (line.derived?.includes(true) === true ? " ~" : "");
}

/** The standardised difference of two groups, both with persons. */
function differenceOf({ summaries, counts }: Line, persons: readonly number[]): number | undefined {
  const [n = 0, m = 0] = persons;
  if (persons.length !== 2 || n === 0 || m === 0) return undefined;
  if (counts !== undefined) {
    const [first, second] = counts;
    if (first === undefined || second === undefined) return undefined;
    return proportionDifference(Math.min(1, first / n), Math.min(1, second / m));
  }
  const [first, second] = summaries ?? [];
  // One person has no standard deviation.
  if (first === undefined || second === undefined || first.sd === null || second.sd === null) {
    return undefined;
  }
  return meanDifference({ mean: first.mean, sd: first.sd }, { mean: second.mean, sd: second.sd });
}
