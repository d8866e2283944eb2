/** What the parts of one analysis share where rows must not leave the database. */
import {
  DisclosedNumbers,
  type GroupNames,
  type Population,
  type ResultTables,
  type Stratum,
} from "../../../omop/analyses/mod.ts";
import type { DisclosedGroup, PersonRows } from "../../../omop/disclosed/mod.ts";
import type { DisclosedTable, DisclosureRules } from "../../disclosure/mod.ts";
import type { Call } from "../call.ts";

/** One analysis. */
export interface DisclosedCall extends Pick<Call, "request" | "source" | "signal" | "cohort"> {
  /** The cohorts that are analysed, each a population of its own: their rows are asked for one after the other. */
  readonly cohorts: readonly { readonly name: string; readonly population: Population }[];
  /** Persons of each cohort whose number was released. */
  readonly persons: readonly number[];
  /** Whether each of these numbers was computed from earlier answers. */
  readonly derived: readonly boolean[];
  readonly rules: DisclosureRules;
  /** Releases numbers of rows about a population; the rows may use the common table expressions of `analysed`. */
  readonly count: (population: Population, rows: PersonRows) => Promise<DisclosedTable>;
}

/** What an analysis finds: its assumptions in a line, and its tables. */
export type DisclosedFound = readonly [understood: string, tables: ResultTables];

/** How a stratum is a group column. */
const COLUMNS: Readonly<Record<Stratum, Omit<DisclosedGroup, "name">>> = {
  gender: { use: "concept", isOfPerson: true },
  age_group: { use: "number" },
  year: { use: "number" },
};

function stratumColumns(strata: readonly Stratum[]): readonly DisclosedGroup[] {
  return strata.map((name) => ({ name, ...COLUMNS[name] }));
}

/** Numbers by cohort and group, and the names of the concepts among the groups. */
export interface Counted {
  readonly numbers: DisclosedNumbers;
  readonly concepts: Map<number, string>;
}

/**
 * Releases numbers of each cohort. Those of all strata together matter most, so they come first. Then it releases those numbers of single strata
 * that do not reveal a withheld number.
 *
 * @param call The call.
 * @param rows The rows of a cohort, by the strata or not.
 * @param columns The group columns before the strata.
 */
export async function countEach(
  call: DisclosedCall,
  rows: (byStrata: boolean) => Pick<PersonRows, "rows" | "values">,
  columns: readonly DisclosedGroup[] = [],
): Promise<Counted> {
  const { strata } = call.request;
  const whole = { ...rows(false), groups: columns };
  if (strata.length === 0) return await countTables(call, [whole]);
  const parts = { ...rows(true), groups: [...columns, ...stratumColumns(strata)] };
  return await countTables(call, [whole, parts]);
}

/**
 * Releases numbers of each cohort's parts, if there are strata by these.
 *
 * @param call The call.
 * @param table The rows of a cohort, by the strata; its group columns are those after the strata.
 */
export async function countParts(call: DisclosedCall, table: PersonRows): Promise<Counted> {
  return await countTables(call, [{
    ...table,
    groups: [...stratumColumns(call.request.strata), ...table.groups],
  }]);
}

/** Releases tables of each cohort, one after the other. */
async function countTables(
  { cohorts, count }: DisclosedCall,
  tables: readonly PersonRows[],
): Promise<Counted> {
  const counted: Counted = { numbers: new DisclosedNumbers(), concepts: new Map() };
  for (const [at, { population }] of cohorts.entries()) {
    for (const table of tables) {
      const { cells, names } = await count(population, table);
      counted.numbers.add(at, cells);
      for (const [id, name] of names) counted.concepts.set(Number(id), name);
    }
  }
  return counted;
}

/**
 * How groups are named.
 *
 * @param call The call.
 * @param counted What was counted.
 */
export function groupNames(
  { request: { strata, age_bands: bands }, cohorts }: DisclosedCall,
  counted: readonly Counted[],
): GroupNames {
  return {
    strata,
    bands,
    cohorts: cohorts.map(({ name }) => name),
    concepts: new Map(counted.flatMap(({ concepts }) => [...concepts])),
  };
}
