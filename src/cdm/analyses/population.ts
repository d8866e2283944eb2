/** Who is analysed. */
import { counted } from "../../lib/counted.ts";
import { type Period, populationCounts } from "../../omop/analyses/mod.ts";
import { integersOf } from "../../omop/concepts/mod.ts";
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
  /** The first and the last day on which anybody is under observation; undefined if there is nobody. */
  readonly days: Period | undefined;
}

/**
 * Counts the groups.
 *
 * @param call The call.
 */
export async function countPopulation(
  { rows, population, cohorts }: Pick<Call, "rows" | "population" | "cohorts">,
): Promise<CountedPopulation> {
  const found = await rows.read(populationCounts(population));
  const counts = cohorts.map((_, at): GroupCounts => {
    const [, ...own] = found.find(([group]) => group === String(at)) ?? [];
    const [entries = 0, usedEntries = 0, usedPersons = 0] = integersOf(own.slice(0, 3));
    return { entries, usedEntries, usedPersons };
  });
  const [from = null, to = null] = found[0]?.slice(4) ?? [];
  return {
    days: from === null || to === null ? undefined : { from, to },
    persons: counts.map(({ usedPersons }) => usedPersons),
    lines: counts.map((count, at) => line(cohorts[at] ?? "", count)),
  };
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
