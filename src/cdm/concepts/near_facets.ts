/** Which domain, vocabulary or class a search may mean that no concept of the CDM has. */
import { closestNames } from "../../lib/closest_names.ts";
import type { Facets } from "../../omop/concepts/mod.ts";

/** The facets that have names. */
export const FACETS = ["domain", "vocabulary", "concept_class"] as const;

/** One of {@link FACETS}. */
export type Facet = typeof FACETS[number];

/** The names of each facet, each with its number of concepts. */
export type FacetNames = Readonly<Record<Facet, ReadonlyMap<string, number>>>;

/** A facet of a search that no concept has. */
export interface UnknownFacet {
  readonly facet: Facet;
  readonly value: string;
  /** Names like it, the nearest first. */
  readonly near: readonly string[];
  /** The names of this CDM's concepts, the one with the most concepts first. */
  readonly names: readonly string[];
}

/**
 * Finds the facets of a search that no concept has.
 *
 * @param facets The search's.
 * @param names Those of all concepts.
 */
export function unknownFacets(facets: Facets, names: FacetNames): readonly UnknownFacet[] {
  return FACETS.flatMap((facet) => {
    const value = facets[facet];
    const known = byConcepts(names[facet]);
    // Names are accepted in any case.
    if (value === undefined || known.some((name) => name.toLowerCase() === value.toLowerCase())) return [];
    return [{ facet, value, near: closestNames(value, known), names: known }];
  });
}

/**
 * The names of a facet.
 *
 * @param counted Each with its number of concepts.
 * @returns The one with the most concepts first.
 */
export function byConcepts(counted: ReadonlyMap<string, number>): readonly string[] {
  return [...counted].sort(([, left], [, right]) => right - left).map(([name]) => name);
}
