import { type CdmConcepts, late } from "../cdm/concepts/mod.ts";
import { comparedConcepts } from "../omop/query/named_concepts.ts";

/**
 * Checks the concepts of a typed query before it runs, and explains an empty result after it.
 *
 * @param concepts The CDM's concepts.
 * @param query The query, and whether it has run and its result was empty.
 * @param signal The call's.
 * @returns Lines for the answer.
 * @throws {OmcpError} `concept_not_found` if the CDM lacks a concept that the query names.
 */
export async function queryConcepts(
  concepts: CdmConcepts,
  { query, table, empty = false }: {
    readonly query: unknown;
    readonly table: string;
    readonly empty?: boolean;
  },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const notes: string[] = [];
  for (const { ids, descendants, ...column } of comparedConcepts(query, table)) {
    const named = { ids, column, descendants, empty };
    const found = await concepts.conceptNotes(named, signal).catch(late(signal));
    notes.push(...found ?? ["[The query's concepts could not be checked in time.]"]);
  }
  return [...new Set(notes)];
}
