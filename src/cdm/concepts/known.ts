/** Which concepts a CDM has: an id that it lacks is an error with near matches, never an empty result. */
import { OmcpError } from "../../errors.ts";
import {
  type Concept,
  conceptOf,
  conceptsByCode,
  conceptsById,
  integersOf,
  knownDescendants,
  mapsTo,
  MOST_MAPPINGS,
  nearIds,
} from "../../omop/concepts/mod.ts";
import { keptRows } from "./kept_rows.ts";
import { type ConceptSource, readRows } from "./source.ts";

/** Near matches that an error names for each id. */
const NEAR = 5;
/** Ids that one error explains. */
const EXPLAINED = 5;

/**
 * Finds concepts that must exist.
 *
 * @param source The database.
 * @param ids Their ids.
 * @param signal The call's.
 * @returns Each by its id.
 * @throws {OmcpError} `concept_not_found` if the CDM's `concept` lacks one, with what the caller may have meant.
 */
export async function knownConcepts(
  source: ConceptSource,
  ids: readonly number[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, Concept>> {
  const known = await conceptMap(source, ids, signal);
  await refuseMissing(source, ids.filter((id) => !known.has(id)), signal);
  return known;
}

/**
 * Ends a call that names concepts which the CDM lacks.
 *
 * @param source The database.
 * @param missing Their ids.
 * @param signal The call's.
 * @throws {OmcpError} `concept_not_found` if there is one, with what the caller may have meant.
 */
export async function refuseMissing(
  source: ConceptSource,
  missing: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  if (missing.length > 0) throw await notFound(source, missing, signal);
}

/**
 * Finds concepts, as far as the CDM has them.
 *
 * @param source The database.
 * @param ids Their ids.
 * @param signal The call's.
 * @returns Each by its id, in the order of the ids, whichever of them were known.
 */
export async function conceptMap(
  source: ConceptSource,
  ids: readonly number[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, Concept>> {
  const { concepts } = keptRows(source);
  const found = new Map(ids.map((id) => [id, concepts.get(id)]));
  const unread = [...found].flatMap(([id, known]) => known === undefined ? [id] : []);
  const rows = unread.length === 0 ? [] : await readRows(source, conceptsById(unread, source.schema), signal);
  for (const concept of rows.map(conceptOf)) {
    found.set(concept.concept_id, concept);
    concepts.add(concept.concept_id, concept);
  }
  return new Map([...found].flatMap(([id, known]) => known === undefined ? [] : [[id, known] as const]));
}

/**
 * Finds the standard concepts that non-standard ones map to.
 *
 * @param source The database.
 * @param concepts The concepts.
 * @param signal The call's.
 * @returns The targets by the source's id, without the concepts themselves.
 */
export async function mappings(
  source: ConceptSource,
  concepts: readonly Concept[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, readonly Concept[]>> {
  const { targets } = keptRows(source);
  const found = new Map<number, readonly Concept[]>();
  const unread: number[] = [];
  for (const { concept_id: id, standard_concept } of concepts) {
    if (standard_concept === "S") continue;
    const known = targets.get(id);
    if (known === undefined) unread.push(id);
    else if (known.length > 0) found.set(id, known);
  }
  if (unread.length === 0) return found;
  const rows = await readRows(source, mapsTo(unread, source.schema), signal);
  const read = Map.groupBy(rows, (row) => integersOf(row.slice(-1))[0] ?? 0);
  for (const id of unread) {
    const own = (read.get(id) ?? []).map(conceptOf);
    // Of an answer that was cut, some may be missing.
    if (rows.length < MOST_MAPPINGS) targets.add(id, own);
    if (own.length > 0) found.set(id, own);
  }
  return found;
}

/** As in `201826 Type 2 diabetes mellitus (Condition, SNOMED 44054006)`. */
function conceptPhrase(
  { concept_id, concept_name, domain_id, vocabulary_id, concept_code }: Concept,
): string {
  return `${concept_id} ${concept_name} (${domain_id}, ${vocabulary_id} ${concept_code})`;
}

async function notFound(
  source: ConceptSource,
  missing: readonly number[],
  signal: AbortSignal,
): Promise<OmcpError> {
  const explained = missing.slice(0, EXPLAINED);
  const lines = await Promise.all(explained.map(async (id) => {
    const near = await meant(source, id, signal);
    return near.length === 0 ? `${id}: nothing similar` : `${id}: ${near.join("; ")}`;
  }));
  if (missing.length > explained.length) lines.push(`and ${missing.length - explained.length} more`);
  return new OmcpError(
    "concept_not_found",
    `This CDM has no concept ${missing.slice(0, 20).join(", ")}${
      missing.length > 20 ? ` and ${missing.length - 20} more` : ""
    }`,
    {
      next: `Find the concept with search_concepts. What may be meant:\n${lines.join("\n")}`,
    },
  );
}

/** What a caller may have meant by an id: a source's code in its place, a typing error, an ancestor that only `concept_ancestor` has. */
async function meant(source: ConceptSource, id: number, signal: AbortSignal): Promise<readonly string[]> {
  const near = nearIds(id);
  const [coded, typed, below] = await Promise.all([
    readRows(source, conceptsByCode(String(id), source.schema, NEAR), signal),
    near.length === 0 ? [] : readRows(source, conceptsById(near, source.schema), signal),
    source.relations.has("concept_ancestor")
      ? readRows(source, knownDescendants(id, source.schema, NEAR), signal)
      : [],
  ]);
  return [
    ...coded.map(conceptOf).map((concept) => `it is the code of ${conceptPhrase(concept)}`),
    ...below.map(conceptOf).map((concept) => `it has the descendant ${conceptPhrase(concept)}`),
    ...typed.map(conceptOf).slice(0, NEAR).map((concept) => `similar id ${conceptPhrase(concept)}`),
  ].slice(0, NEAR);
}
