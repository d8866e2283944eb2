/** Concepts as JSON, for code in a sandbox: what `concept_text.ts` says in words, and no more. */
import { type CdmConcepts, type ConceptDetails, DESCENDANTS_CAP } from "../cdm/concepts/mod.ts";
import type { Concept } from "../omop/concepts/mod.ts";
import { usesOf } from "./concept_text.ts";
import type { ToolData } from "./tool.ts";

/**
 * A concept with where it occurs most.
 *
 * @param concept The concept.
 * @param concepts The CDM's concepts, for their counts.
 * @returns Its fields; `records`, `persons` and `table` of the column with the most records. They are null if nothing is counted, and
 * where counts of few persons are not shown.
 */
export function conceptData(concept: Concept, concepts: CdmConcepts): ToolData {
  const [most] = usesOf(concepts, concept.concept_id);
  const none = concepts.usage.knowsAll ? 0 : null;
  return {
    ...concept,
    records: most?.records ?? none,
    persons: most?.persons ?? none,
    table: most?.table ?? null,
  };
}

/**
 * How many descendants a concept has.
 *
 * @param details The details of concepts.
 * @param id The concept.
 * @returns The number, at most {@link DESCENDANTS_CAP}; null if it was not counted in time.
 */
export function descendantsData({ descendants }: ConceptDetails, id: number): number | null {
  return descendants === undefined ? null : Math.min(descendants.get(id) ?? 0, DESCENDANTS_CAP);
}
