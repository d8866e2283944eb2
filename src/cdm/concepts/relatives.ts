/** A concept with what it is related to. */
import {
  type Concept,
  conceptOf,
  type Direction,
  integersOf,
  relationships,
  relativeCounts,
  relatives,
  synonymsOf,
} from "../../omop/concepts/mod.ts";
import { type ConceptDetails, conceptDetails } from "./details.ts";
import { knownConcepts } from "./known.ts";
import { type ConceptSource, readRows } from "./source.ts";
import type { ConceptUsage } from "./usage.ts";

/** Relatives at one level. */
export interface Level {
  readonly levels: number;
  readonly count: number;
  /** How many of them this CDM's `concept` lacks. */
  readonly missing: number;
}

/** Relatives in one direction. */
export interface Relatives {
  readonly levels: readonly Level[];
  /** The nearest, each with its level. */
  readonly nearest: readonly (readonly [Concept, number])[];
}

/** A concept and its relations. */
export interface RelatedConcept {
  readonly concept: Concept;
  readonly synonyms: readonly string[];
  /** Undefined if the CDM has no `concept_ancestor`. */
  readonly ancestors: Relatives | undefined;
  readonly descendants: Relatives | undefined;
  /** Other concepts with the relationship, mappings first; at most the limit. */
  readonly related: readonly (readonly [Concept, string])[];
  readonly details: ConceptDetails;
}

/**
 * Looks a concept and its relations up.
 *
 * @param parts Database and counts.
 * @param id The concept.
 * @param limit The most relatives of each kind.
 * @param signal The call's.
 * @returns The concept.
 * @throws {OmcpError} `concept_not_found` if the CDM lacks it.
 */
export async function relatedConcept(
  parts: { readonly source: ConceptSource; readonly usage: ConceptUsage },
  id: number,
  limit: number,
  signal: AbortSignal,
): Promise<RelatedConcept> {
  const { source } = parts;
  const { schema, relations } = source;
  const concept = (await knownConcepts(source, [id], signal)).get(id);
  if (concept === undefined) throw new TypeError(`Cannot find concept ${id}, which is known`);
  const has = (table: string): boolean => relations.has(table);
  const [synonyms, related, ancestors, descendants, details] = await Promise.all([
    has("concept_synonym") ? readRows(source, synonymsOf([id], schema), signal) : [],
    has("concept_relationship") ? readRows(source, relationships(id, schema, limit), signal) : [],
    has("concept_ancestor") ? relativesOf(source, id, { direction: "ancestors", limit }, signal) : undefined,
    has("concept_ancestor")
      ? relativesOf(source, id, { direction: "descendants", limit }, signal)
      : undefined,
    conceptDetails(parts, [concept], signal),
  ]);
  return {
    concept,
    synonyms: [...new Set(synonyms.map(([, name]) => name ?? ""))].filter((name) =>
      name !== concept.concept_name
    ),
    related: related.map((row) => [conceptOf(row), row.at(-1) ?? ""]),
    ancestors,
    descendants,
    details,
  };
}

async function relativesOf(
  source: ConceptSource,
  id: number,
  { direction, limit }: { readonly direction: Direction; readonly limit: number },
  signal: AbortSignal,
): Promise<Relatives> {
  const [counts, nearest] = await Promise.all([
    readRows(source, relativeCounts(id, direction, source.schema), signal),
    readRows(source, relatives(id, direction, source.schema, limit), signal),
  ]);
  return {
    levels: counts.map(integersOf).map(([levels = 0, count = 0, missing = 0]) => ({
      levels,
      count,
      missing,
    })),
    nearest: nearest.map((row) => [conceptOf(row), integersOf(row.slice(-1))[0] ?? 0]),
  };
}
