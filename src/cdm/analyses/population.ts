/** Who is analysed. */
import { OmcpError } from "../../errors.ts";
import { counted } from "../../lib/counted.ts";
import { type Period, populationCounts } from "../../omop/analyses/mod.ts";
import { integersOf } from "../../omop/concepts/mod.ts";
import type { TextRow } from "../../postgres/mod.ts";
import type { Call } from "./call.ts";

/** Counts of one group. */
interface GroupCounts {
  readonly entries: number;
  readonly usedEntries: number;
  readonly usedPersons: number;
}

/** The groups that are analysed. */
export interface CountedPopulation {
  /** A line for each group. */
  readonly lines: readonly string[];
  /** Persons of each group, as far as they are used. */
  readonly persons: readonly number[];
  /** The first and the last day on which anybody is under observation. */
  readonly days: Period;
}

/**
 * Counts the groups alone: for an analysis whose counts depend on the days of the population.
 *
 * @param call The call.
 */
export async function countPopulation(call: Call): Promise<CountedPopulation> {
  const [found = []] = await call.rows.read([call.analysed], [populationCounts()]);
  return populationOf(call.cohorts, found);
}

/**
 * Reads the counts of the groups.
 *
 * @param cohorts The names of the groups.
 * @param found See `populationCounts`.
 * @throws {OmcpError} `invalid_argument` if nobody is in them.
 */
export function populationOf(cohorts: readonly string[], found: readonly TextRow[]): CountedPopulation {
  const counts = cohorts.map((_, at): GroupCounts => {
    const [, ...own] = found.find(([group]) => group === String(at)) ?? [];
    const [entries = 0, usedEntries = 0, usedPersons = 0] = integersOf(own.slice(0, 3));
    return { entries, usedEntries, usedPersons };
  });
  const [from = null, to = null] = found[0]?.slice(4) ?? [];
  const lines = counts.map((count, at) => line(cohorts[at] ?? "", count));
  if (from === null || to === null) {
    throw new OmcpError("invalid_argument", `Cannot analyse ${cohorts.join(" and ")}: nobody is in it`, {
      state: lines.join(" "),
      next: "Widen the cohort's definition: define_cohort shows at which rule nobody is left.",
    });
  }
  return { days: { from, to }, persons: counts.map(({ usedPersons }) => usedPersons), lines };
}

function line(name: string, { entries, usedEntries, usedPersons }: GroupCounts): string {
  const unused = entries - usedEntries;
  return `${name}: ${counted(usedPersons, "person")}, ${counted(usedEntries, "entry", "entries")}${
    unused === 0
      ? ""
      : `; ${
        counted(unused, "further entry", "further entries")
      } left out: outside every observation period, or of nobody in person`
  }.`;
}
