/** A concept as a value, and how a row of text becomes one. */
import * as z from "zod";

/** What `concept` has of a concept, without its dates. */
export interface Concept {
  readonly concept_id: number;
  readonly concept_name: string;
  readonly domain_id: string;
  readonly vocabulary_id: string;
  readonly concept_class_id: string;
  /** `S` standard, `C` classification, null for a source concept. */
  readonly standard_concept: string | null;
  readonly concept_code: string;
  /** `D` deleted, `U` replaced, null for a valid one. */
  readonly invalid_reason: string | null;
}

const ID = /^-?\d{1,19}$/;
const idText = z.string().regex(ID).transform(Number);
/** Sites leave it empty if the CDM has null. */
const flag = z.string().nullable().transform((text) => text === "" ? null : text);

const conceptTuple = z.tuple([
  idText,
  z.string(),
  z.string(),
  z.string(),
  z.string(),
  flag,
  z.string(),
  flag,
]).rest(z.unknown());

/**
 * Reads a row that begins with the columns of {@link CONCEPT_COLUMNS}.
 *
 * @param row The row as text.
 * @returns The concept.
 */
export function conceptOf(row: readonly (string | null)[]): Concept {
  const [id, name, domain, vocabulary, conceptClass, standard, code, invalid] = conceptTuple.parse(row);
  return {
    concept_id: id,
    concept_name: name,
    domain_id: domain,
    vocabulary_id: vocabulary,
    concept_class_id: conceptClass,
    standard_concept: standard,
    concept_code: code,
    invalid_reason: invalid,
  };
}

/**
 * Reads a row of integers, such as ids and counts.
 *
 * @param row The row as text; null becomes 0.
 * @returns The integers.
 */
export function integersOf(row: readonly (string | null)[]): readonly number[] {
  // Millions of ids come in this way, and the schema takes ten times as long.
  return row.map((value) => value === null ? 0 : ID.test(value) ? Number(value) : idText.parse(value));
}

/** The columns of a concept in the order of {@link conceptOf}. */
export const CONCEPT_COLUMNS = [
  "concept_id",
  "concept_name",
  "domain_id",
  "vocabulary_id",
  "concept_class_id",
  "standard_concept",
  "concept_code",
  "invalid_reason",
] as const;
