/** What persons are like, and what is recorded most often around their index date, where rows must not leave the database. */
import {
  characterizeTables,
  conceptRows,
  COUNTED_TABLES,
  type FrequentRows,
} from "../../../omop/analyses/mod.ts";
import { OmcpError } from "../../../errors.ts";
import { NOT_RELEASED, type ReleasedCell } from "../../disclosure/mod.ts";
import { characterizeWords, withDemographics } from "../characterize.ts";
import type { DisclosedCall, DisclosedFound } from "./call.ts";
import { disclosedDemographics } from "./table_one.ts";

const GROUPS = [{ name: "window", use: "number" }, { name: "concept", use: "concept" }] as const;

/**
 * Demographics, and the most frequent conditions, drugs and procedures. The ledger decides about all concepts with enough persons, and only
 * released numbers choose the most frequent ones, because the choice must not depend on numbers that are not shown (rule R7).
 *
 * @param call The call.
 */
export async function disclosedCharacterize(call: DisclosedCall): Promise<DisclosedFound> {
  const {
    request: { window_days: days, top },
    source,
    cohorts: [cohort],
    persons: [persons = 0],
    derived: [marked = false],
  } = call;
  const people = await disclosedDemographics(call);
  const counted: FrequentRows[] = [];
  const concepts = new Map<number, string>();
  for (const table of COUNTED_TABLES) {
    if (cohort === undefined || !source.relations.has(table.table)) continue;
    const rows = conceptRows(source.schema, table, days);
    const { cells, names } = await call.count(cohort.population, { rows, groups: GROUPS }).catch(narrower);
    counted.push({ table, rows: mostFrequent(cells, { top, marked }) });
    for (const [id, name] of names) concepts.set(Number(id), name);
  }
  const found = characterizeTables(counted, { persons, concepts, days, absent: " of enough persons" });
  return [characterizeWords(), withDemographics(found, people)];
}

/** Adds to the error about an exceeded budget how to narrow this analysis: a smaller `top` does not help. */
function narrower(error: unknown): never {
  if (!(error instanceof OmcpError) || error.code !== "capacity") throw error;
  throw error.with({
    state: NOT_RELEASED,
    next:
      "Each concept with enough persons takes a number in each window, whatever top says. Use a smaller cohort or shorter " +
      "window_days; or count a concept set with query_omop.",
  });
}

/** The rows of `frequentConcepts`, of released numbers; all are marked where the number of persons is, because they are shown as shares. */
function mostFrequent(
  cells: readonly ReleasedCell[],
  { top, marked }: { readonly top: number; readonly marked: boolean },
): FrequentRows["rows"] {
  const windows = [...new Set(cells.map(({ keys: [window] }) => window))].sort();
  return windows.flatMap((window) => {
    const own = cells.filter(({ keys }) => keys[0] === window);
    const mapped = own.filter(({ keys }) => keys[1] !== null)
      .sort((a, b) => b.persons - a.persons || Number(a.keys[1]) - Number(b.keys[1]));
    const shown = [...mapped.slice(0, top), ...own.filter(({ keys }) => keys[1] === null)];
    return shown.map(({ keys: [, concept = null], persons, derived }) => [
      window ?? null,
      concept,
      String(persons),
      String(mapped.length),
      derived || marked ? "~" : "",
    ]);
  });
}
