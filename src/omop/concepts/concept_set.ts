/** Concept sets as values: OHDSI's definition of a set of concepts, without the vocabulary that it is resolved against. */
import { createHash } from "node:crypto";
import * as z from "zod";
import { OmcpError } from "../../errors.ts";
import { isRecord } from "../../lib/is_record.ts";

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

/** The names of a set's list: one argument has this, another that. */
export const SET_NAMES: readonly string[] = ["items", "concepts", "concept_set"];

/**
 * The items of a set as a caller wrote it: a list, its only item, or either of them under one of {@link SET_NAMES}, such as
 * `{"concept_set": {"items": […]}}`.
 *
 * @param value The set; another value is taken as an item.
 */
export function writtenItems(value: unknown): readonly unknown[] {
  return [listIn(listIn(value))].flat();
}

function listIn(value: unknown): unknown {
  if (!isRecord(value)) return value;
  const [name = "", ...others] = Object.keys(value);
  return others.length === 0 && SET_NAMES.includes(name) ? value[name] : value;
}

/** What a caller reads of a set that only excludes. Imported definitions may have such sets. */
export const ONLY_EXCLUDES = "has only items with exclude, so the set is empty";

/**
 * Whether no item of a set includes anything.
 *
 * @param set The set.
 */
export function onlyExcludes({ items }: ConceptSet): boolean {
  return items.every(({ exclude }) => exclude === true);
}

/**
 * Refuses a set that only excludes.
 *
 * @param items The set's items, if there is a set.
 * @param where The argument that has it, for the error.
 * @throws {OmcpError} `invalid_argument` for such a set.
 */
export function refuseOnlyExcludes(items: ConceptSet["items"] | undefined, where: string): void {
  if (items === undefined || !onlyExcludes({ items })) return;
  throw new OmcpError("invalid_argument", `Cannot use the concept set of ${where}: it ${ONLY_EXCLUDES}`, {
    next: "Add the items from which these are taken, or remove exclude.",
  });
}

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
