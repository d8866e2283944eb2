/** Concept sets as values: OHDSI's definition of a set of concepts, without the vocabulary that it is resolved against. */
import { createHash } from "node:crypto";
import * as z from "zod";

/** The most items of a set. ATLAS's own sets have hundreds at most. */
export const MAX_ITEMS = 1_000;

/** A concept's id. The vocabularies' are below 2^31, a site's own ones above 2,000,000,000. */
export const conceptIdSchema = z.int().min(0);

/** One item: a concept, and what it brings along. */
export const conceptSetItemSchema = z.strictObject({
  concept_id: conceptIdSchema.describe("A concept of this CDM."),
  include_descendants: z.boolean().optional().describe("Also its valid descendants. Default: false."),
  include_mapped: z.boolean().optional().describe(
    "Also source concepts that map to it, or with include_descendants to a descendant. Default: false.",
  ),
  exclude: z.boolean().optional().describe("Take these concepts out of the set. Default: false."),
});

/** A concept set, with circe's semantics: what the items include, without what other items exclude. */
export const conceptSetSchema = z.strictObject({
  items: z.array(conceptSetItemSchema).min(1).max(MAX_ITEMS),
});

/** An item after validation. */
export type ConceptSetItem = z.infer<typeof conceptSetItemSchema>;

/** A concept set after validation. */
export type ConceptSet = z.infer<typeof conceptSetSchema>;

/**
 * Identifies what a set's definition says: sets whose items differ only in order, repetition or spelled-out defaults have one hash.
 * Which concepts are in it also depends on the vocabulary.
 *
 * @param set The set.
 * @returns 16 hexadecimal digits of a SHA-256.
 */
export function conceptSetHash(set: ConceptSet): string {
  const lines = set.items.map(({ concept_id, include_descendants, include_mapped, exclude }) =>
    [concept_id, ...[include_descendants, include_mapped, exclude].map((flag) => Number(flag === true))].join(
      " ",
    )
  );
  const canonical = [...new Set(lines)].sort();
  return createHash("sha256").update(canonical.join("\n")).digest("hex").slice(0, 16);
}

/**
 * The ids that a set names, excluded ones too.
 *
 * @param set The set.
 * @returns Each id once, in the order of the items.
 */
export function namedConcepts(set: ConceptSet): readonly number[] {
  return [...new Set(set.items.map(({ concept_id }) => concept_id))];
}
