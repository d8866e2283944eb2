/** Table one from released numbers. */
import { type DisclosedCell, type DisclosedNumbers, threeDigits } from "./disclosed_numbers.ts";
import { type Group, type GroupNames, groupsOf, isPart, type Keys } from "./groups.ts";
import type { ResultTables } from "./result.ts";
import { linesTables } from "./table_one.ts";
import { attributeName, type Line, type Summary, unitOf } from "./table_one_charts.ts";
import { ATTRIBUTES, NUMBERS } from "./table_one_sql.ts";

/** What was released, see `tableOneRows`. Keys are the strata, and after them an attribute's value. */
export interface DisclosedTableOne {
  readonly persons: DisclosedNumbers;
  /** For each of `NUMBERS`. */
  readonly numbers: readonly DisclosedNumbers[];
  /** For each of `ATTRIBUTES`. */
  readonly attributes: readonly DisclosedNumbers[];
  readonly covariates: readonly { readonly name: string; readonly numbers: DisclosedNumbers }[];
}

/**
 * A table one from released numbers. It has no quartiles and ranges, which are single persons' values. Means and standard deviations have three
 * significant digits, and the latter rest on at least 2k persons. Groups whose number of persons is withheld are absent.
 *
 * @param names How groups are named.
 * @param released What was released.
 * @param rules The fewest persons that are protected; by how many persons each number may be off.
 */
export function disclosedTableOne(
  names: GroupNames,
  { persons, numbers, attributes, covariates }: DisclosedTableOne,
  { k, slack }: { readonly k: number; readonly slack: number },
): ResultTables {
  const all = groupsOf(names, names.strata.length === 0 ? [] : persons.keys);
  const groups = all.filter((group) =>
    isPart(names, group) && persons.get(group.cohort, group.keys ?? []) !== undefined
  );
  const totals = groups.map(({ cohort, keys }) => persons.get(cohort, keys ?? []));
  const counts = (own: DisclosedNumbers, further: Keys = []) => {
    const cells = groups.map((group) => own.get(group.cohort, [...group.keys ?? [], ...further]));
    return {
      counts: cells.map((cell) => cell?.persons),
      // They are shown as shares, too.
      derived: cells.map((cell, at) => cell?.derived === true || totals[at]?.derived === true),
    };
  };
  const lines: readonly Line[] = [
    ...NUMBERS.map((variable, at): Line => {
      const cells = groups.map(({ cohort, keys }) => numbers[at]?.get(cohort, keys ?? []));
      return {
        variable,
        value: unitOf(variable),
        summaries: cells.map((cell) => cell && summaryOf(cell, k)),
        derived: cells.map((cell) => cell?.derived === true),
      };
    }),
    ...ATTRIBUTES.flatMap((variable, at) => {
      const own = attributes[at];
      return own === undefined ? [] : valuesOf(names, groups, variable, own).map((value): Line => ({
        variable,
        value: attributeName(names, variable, value),
        ...counts(own, [value]),
      }));
    }),
    ...covariates.map(({ name, numbers: own }): Line => ({
      variable: name,
      value: "recorded",
      ...counts(own),
    })),
  ];
  return linesTables(names, groups, {
    lines,
    persons: totals.map((cell) => cell?.persons ?? 0),
    slack,
  });
}

/** All bands of age, and those values of others that were released, the most frequent first. */
function valuesOf(
  { bands, strata }: GroupNames,
  groups: readonly Group[],
  variable: string,
  numbers: DisclosedNumbers,
): readonly (string | null)[] {
  if (variable === "age_group") return Array.from({ length: bands.length + 1 }, (_, band) => String(band));
  const values = new Map<string | null, number>();
  for (const keys of numbers.keys) values.set(keys[strata.length] ?? null, 0);
  const sizeOf = (value: string | null) =>
    groups.reduce(
      (sum, { cohort, keys }) => sum + (numbers.get(cohort, [...keys ?? [], value])?.persons ?? 0),
      0,
    );
  return [...values.keys()].sort((a, b) => sizeOf(b) - sizeOf(a) || Number(a) - Number(b));
}

/** Computes a summary from the sum of the values and the sum of their squares; undefined if the sum is withheld. */
function summaryOf({ persons, values }: DisclosedCell, k: number): Summary | undefined {
  const [sum, squares] = values;
  if (sum === undefined) return undefined;
  const variance = squares === undefined ? -1 : (squares - sum ** 2 / persons) / (persons - 1);
  return {
    count: persons,
    mean: threeDigits(sum / persons),
    // Numbers of slightly different persons need not be consistent.
    sd: persons < 2 * k || variance < 0 ? null : threeDigits(Math.sqrt(variance)),
    range: [],
  };
}
