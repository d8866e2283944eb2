/** Concept sets in the JSON of ATLAS and circe (`ConceptSetExpression`), read and written. */
import * as z from "zod";
import type { Concept } from "./concept.ts";
import { conceptIdSchema, type ConceptSet, conceptSetSchema, MAX_ITEMS } from "./concept_set.ts";

/** ATLAS writes the concept whole; only its id has a meaning. */
const atlasItemSchema = z.object({
  concept: z.object({ CONCEPT_ID: conceptIdSchema }),
  isExcluded: z.boolean().nullish(),
  includeDescendants: z.boolean().nullish(),
  includeMapped: z.boolean().nullish(),
});

const atlasItems = z.object({ items: z.array(atlasItemSchema).min(1).max(MAX_ITEMS) });

/** ATLAS's JSON: an expression, or a concept set or an entry of a cohort definition's `ConceptSets` around it. */
export const atlasSchema = z.union([atlasItems, z.object({ expression: atlasItems })]);

/** An expression after validation. */
export type AtlasConceptSet = z.infer<typeof atlasSchema>;

/**
 * Reads ATLAS's JSON.
 *
 * @param atlas The JSON.
 * @returns The set.
 */
export function fromAtlas(atlas: AtlasConceptSet): ConceptSet {
  const { items } = "expression" in atlas ? atlas.expression : atlas;
  return conceptSetSchema.parse({
    items: items.map(({ concept, includeDescendants, includeMapped, isExcluded }) => ({
      concept_id: concept.CONCEPT_ID,
      ...(includeDescendants === true ? { include_descendants: true } : {}),
      ...(includeMapped === true ? { include_mapped: true } : {}),
      ...(isExcluded === true ? { exclude: true } : {}),
    })),
  });
}

/** An item as ATLAS writes it. */
export interface AtlasItem {
  readonly concept: Readonly<Record<string, unknown>>;
  readonly isExcluded: boolean;
  readonly includeDescendants: boolean;
  readonly includeMapped: boolean;
}

/**
 * Writes a set as ATLAS's JSON, which its import accepts.
 *
 * @param set The set.
 * @param concepts What is known of its concepts; ATLAS shows it until it looks them up itself.
 * @returns The expression as a value for JSON.
 */
export function toAtlas(
  set: ConceptSet,
  concepts: ReadonlyMap<number, Concept>,
): { readonly items: readonly AtlasItem[] } {
  return {
    items: set.items.map((item) => ({
      concept: atlasConcept(item.concept_id, concepts.get(item.concept_id)),
      isExcluded: item.exclude === true,
      includeDescendants: item.include_descendants === true,
      includeMapped: item.include_mapped === true,
    })),
  };
}

function atlasConcept(id: number, known: Concept | undefined): Readonly<Record<string, unknown>> {
  if (known === undefined) return { CONCEPT_ID: id };
  return {
    CONCEPT_ID: id,
    CONCEPT_NAME: known.concept_name,
    STANDARD_CONCEPT: known.standard_concept ?? "N",
    STANDARD_CONCEPT_CAPTION: STANDARD_CAPTIONS.get(known.standard_concept) ?? "Non-Standard",
    INVALID_REASON: known.invalid_reason ?? "V",
    INVALID_REASON_CAPTION: known.invalid_reason === null ? "Valid" : "Invalid",
    CONCEPT_CODE: known.concept_code,
    DOMAIN_ID: known.domain_id,
    VOCABULARY_ID: known.vocabulary_id,
    CONCEPT_CLASS_ID: known.concept_class_id,
  };
}

const STANDARD_CAPTIONS: ReadonlyMap<string | null, string> = new Map([
  ["S", "Standard"],
  ["C", "Classification"],
]);
