/** What a client may suggest for an argument while somebody types it. */
import { cdmTables } from "../../omop/cdm/mod.ts";
import type { ToolServices } from "../tool.ts";

/** Most suggestions: the protocol allows 100. */
const MOST = 50;
/** A suggestion that comes later is of no use. */
const LATE_MS = 2_000;

/** The services that suggestions need. */
export type CompletionServices = Pick<ToolServices, "cdm">;

/**
 * Tables of the CDM.
 *
 * @param typed What has been typed.
 * @param services The services.
 */
export function suggestTables(typed: string, { cdm }: CompletionServices): string[] {
  return cdm === undefined ? [] : matching(cdmTables(cdm.version).map(({ name }) => name), typed);
}

/**
 * Columns of a table.
 *
 * @param typed What has been typed.
 * @param table The table; undefined: the columns of all.
 * @param services The services.
 */
export function suggestColumns(
  typed: string,
  table: string | undefined,
  { cdm }: CompletionServices,
): string[] {
  if (cdm === undefined) return [];
  const tables = cdmTables(cdm.version).filter(({ name }) => table === undefined || name === table);
  return matching([...new Set(tables.flatMap(({ columns }) => columns.map(({ name }) => name)))], typed);
}

/**
 * Names of standard concepts.
 *
 * @param typed What has been typed.
 * @param domain The domain, such as Condition.
 * @param services The services.
 * @returns None while the database does not answer: a missing suggestion is not an error.
 */
export async function suggestConcepts(
  typed: string,
  domain: string,
  { cdm }: CompletionServices,
): Promise<string[]> {
  if (cdm === undefined || !/[\p{L}\p{N}]{2}/u.test(typed)) return [];
  try {
    const request = { text: typed, code: false, facets: { standard: true, domain } };
    const { hits } = await cdm.concepts.search(request, AbortSignal.timeout(LATE_MS));
    return [...new Set(hits.map(({ concept }) => concept.concept_name))].slice(0, MOST);
  } catch {
    return [];
  }
}

/** First the names that begin with the text, then names that contain it. */
function matching(names: readonly string[], typed: string): string[] {
  const text = typed.trim().toLowerCase();
  const begin = names.filter((name) => name.startsWith(text));
  const contain = names.filter((name) => !name.startsWith(text) && name.includes(text));
  return [...begin, ...contain].slice(0, MOST);
}
