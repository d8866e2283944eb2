/** Concepts as JSON, for code in a sandbox: what `concept_text.ts` says in words, and no more. */
import {
  type CdmConcepts,
  type ConceptDetails,
  DESCENDANTS_CAP,
  type Occurrences,
} from "../cdm/concepts/mod.ts";
import type { Concept } from "../omop/concepts/mod.ts";
import type { ToolData } from "./tool.ts";

/**
 * A concept with where it occurs most.
 *
 * @param concept The concept.
 * @param concepts The CDM's concepts, for their counts.
 * @returns Its fields; `records`, `persons` and `table` of the column with the most records. They are null where nothing is counted, and
 * where counts of few persons are not shown.
 */
export function conceptData(concept: Concept, concepts: CdmConcepts): ToolData {
  const [most] = usesData(concepts, concept.concept_id);
  const none = concepts.usage.knowsAll ? 0 : null;
  return {
    ...concept,
    records: most?.records ?? none,
    persons: most?.persons ?? none,
    table: most?.table ?? null,
  };
}

/**
 * Where a concept occurs.
 *
 * @param concepts The CDM's concepts.
 * @param id The concept.
 * @returns The columns, the most records first.
 */
export function usesData({ usage }: CdmConcepts, id: number): readonly Occurrences[] {
  return usage.of(id)
    .map(({ table, column, source, records, persons }) => ({ table, column, source, records, persons }))
    .sort((left, right) => right.records - left.records);
}

/**
 * How many descendants a concept has.
 *
 * @param details The details of concepts.
 * @param id The concept.
 * @returns The number, at most {@link DESCENDANTS_CAP}; null where it was not counted in time.
 */
export function descendantsData({ descendants }: ConceptDetails, id: number): number | null {
  return descendants === undefined ? null : Math.min(descendants.get(id) ?? 0, DESCENDANTS_CAP);
}
