import { type CdmConcepts, late } from "../cdm/concepts/mod.ts";
import { Semaphore } from "../lib/async/semaphore.ts";
import type { CdmVersion } from "../omop/cdm/mod.ts";
import { type ComparedConcepts, comparedConcepts } from "../omop/query/named_concepts.ts";

/** Columns of one call that are checked at the same time: the server's sessions for such statements are few, and other calls need them, too. */
const AT_A_TIME = 2;

/** A typed query and its circumstances. */
export interface CheckedQuery {
  readonly query: unknown;
  readonly table: string;
  readonly version: CdmVersion;
  /** Whether it has run and its result was empty. @default false */
  readonly empty?: boolean;
}

/**
 * Checks the concepts of a typed query before it runs, and explains an empty result after it.
 *
 * @param concepts The CDM's concepts.
 * @param checked The query.
 * @param signal The call's.
 * @returns Lines for the answer.
 * @throws {OmcpError} `concept_not_found` if the CDM lacks a concept that the query names.
 */
export async function queryConcepts(
  concepts: Pick<CdmConcepts, "conceptNotes">,
  { query, table, version, empty = false }: CheckedQuery,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const compared = comparedConcepts(query, table, version).map((one) => ({
    ...one,
    empty: empty && one.unwanted !== true,
  }));
  return await comparedNotes(concepts, compared, signal);
}

/**
 * Checks concepts that columns are compared with.
 *
 * @param concepts The CDM's concepts.
 * @param compared The comparisons, and whether their result was empty.
 * @param signal The call's.
 * @returns Lines for the answer, each once.
 * @throws {OmcpError} `concept_not_found` if the CDM lacks one.
 */
export async function comparedNotes(
  concepts: Pick<CdmConcepts, "conceptNotes">,
  compared: readonly (ComparedConcepts & { readonly empty?: boolean })[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  // A column is looked up once, however often a query compares it.
  const columns = Map.groupBy(compared, ({ ids: _ids, ...column }) => JSON.stringify(column));
  const permits = new Semaphore(AT_A_TIME, columns.size);
  const notes = await Promise.all([...columns.values()].map(async (same) => {
    const [column] = same;
    if (column === undefined) return [];
    using _permit = await permits.acquire(signal);
    const { descendants, empty = false } = column;
    const named = { ids: same.flatMap(({ ids }) => ids), column, descendants, empty };
    return await concepts.conceptNotes(named, signal).catch(late(signal)) ??
      ["[The query's concepts could not be checked in time.]"];
  }));
  return [...new Set(notes.flat())];
}
