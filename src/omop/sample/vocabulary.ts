import { CONCEPT_BLOCKS, type ConceptBlock } from "./concepts.ts";
import { CONDITION_BLOCK, CONDITION_PARENTS } from "./conditions.ts";
import type { SampleRow } from "./copy_text.ts";
import { DRUGS } from "./drugs.ts";

const ALWAYS = { valid_start_date: "1970-01-01", valid_end_date: "2099-12-31" } as const;

/** id, concept of the domain. */
const DOMAINS: readonly (readonly [string, number])[] = [
  ["Condition", 19],
  ["Drug", 13],
  ["Ethnicity", 4],
  ["Gender", 2],
  ["Measurement", 21],
  ["Metadata", 7],
  ["Race", 3],
  ["Relationship", 31],
  ["Type Concept", 58],
  ["Unit", 16],
  ["Visit", 8],
];

/** id, name, concept of the vocabulary (0: unknown). */
const VOCABULARIES: readonly (readonly [string, string, number])[] = [
  ["CDM", "OMOP Common Data Model", 32485],
  ["CVX", "CDC vaccine codes", 581400],
  ["Domain", "OMOP domains", 44819147],
  ["Ethnicity", "OMOP ethnicity", 44819134],
  ["Gender", "OMOP gender", 44819108],
  ["ICD10CM", "ICD-10 Clinical Modification", 44819098],
  ["LOINC", "Logical Observation Identifiers Names and Codes", 44819102],
  ["None", "A small subset of the OMOP vocabularies", 44819096],
  ["Race", "Race and ethnicity codes", 44819109],
  ["Relationship", "OMOP relationships", 44819235],
  ["RxNorm", "RxNorm", 44819104],
  ["SNOMED", "SNOMED CT", 44819097],
  ["Type Concept", "OMOP type concepts", 0],
  ["UCUM", "Unified Code for Units of Measure", 44819107],
  ["Visit", "OMOP visits", 44819119],
  ["Vocabulary", "OMOP vocabularies", 44819232],
];

/** id, name, hierarchical, defines ancestry, reverse, concept. */
const RELATIONSHIPS: readonly (readonly [string, string, number, number, string, number])[] = [
  ["Is a", "Is a", 1, 0, "Subsumes", 44818821],
  ["Subsumes", "Subsumes", 1, 1, "Is a", 44818723],
  ["Maps to", "From a source concept to its standard one", 0, 0, "Mapped from", 44818977],
  ["Mapped from", "From a standard concept to a source one", 0, 0, "Maps to", 44818976],
  ["RxNorm has ing", "Has ingredient", 1, 0, "RxNorm ing of", 44818719],
  ["RxNorm ing of", "Ingredient of", 1, 1, "RxNorm has ing", 44818817],
];

const BLOCKS: readonly ConceptBlock[] = [
  ...CONCEPT_BLOCKS,
  CONDITION_BLOCK,
  generated("Domain", "Metadata", DOMAINS.map(([id, concept]) => [concept, id])),
  generated("Vocabulary", "Metadata", VOCABULARIES.map(([, name, concept]) => [concept, name])),
  generated("Relationship", "Metadata", RELATIONSHIPS.map(([, name, , , , concept]) => [concept, name])),
];

const CODES: ReadonlyMap<number, string> = new Map(BLOCKS.flatMap(function codes(block) {
  return block.concepts.map(([id, code]): [number, string] => [id, code]);
}));

/** The source code of a gastrointestinal haemorrhage, and the standard concept it maps to. */
export const SOURCE_MAPS: readonly (readonly [number, number])[] = [[35208414, 192671]];

/** Tables of the vocabulary, in the order in which they are written. */
export const VOCABULARY_ROWS: Readonly<Record<string, () => readonly SampleRow[]>> = {
  vocabulary: vocabularyRows,
  domain: domainRows,
  concept_class: classRows,
  relationship: relationshipRows,
  concept: conceptRows,
  concept_relationship: linkRows,
  concept_ancestor: ancestorRows,
};

/**
 * A concept's code in its vocabulary, used as source value.
 *
 * @param concept The concept's id.
 * @returns The code, such as 44054006.
 * @throws {RangeError} If the sample has no such concept: a defect of this module.
 */
export function codeOf(concept: number): string {
  const code = CODES.get(concept);
  if (code === undefined) throw new RangeError(`Cannot find concept ${concept}: it is not in the sample`);
  return code;
}

function generated(
  vocabulary: string,
  domain: string,
  concepts: readonly (readonly [number, string])[],
): ConceptBlock {
  return {
    domain,
    vocabulary,
    conceptClass: vocabulary,
    source: true,
    // Several of them have concept 0, which another block contains.
    concepts: concepts.filter(([id]) => id !== 0).map(([id, name]) => [id, "OMOP generated", name]),
  };
}

function conceptRows(): readonly SampleRow[] {
  return BLOCKS.flatMap(function rows(block) {
    return block.concepts.map(([id, code, name]) => ({
      concept_id: id,
      concept_name: name,
      domain_id: block.domain,
      vocabulary_id: block.vocabulary,
      concept_class_id: block.conceptClass,
      standard_concept: block.source === true ? null : "S",
      concept_code: code,
      ...ALWAYS,
    }));
  });
}

function vocabularyRows(): readonly SampleRow[] {
  return VOCABULARIES.map(([id, name, concept]) => ({
    vocabulary_id: id,
    vocabulary_name: name,
    vocabulary_version: "sample",
    vocabulary_concept_id: concept,
  }));
}

function domainRows(): readonly SampleRow[] {
  return DOMAINS.map(([id, concept]) => ({ domain_id: id, domain_name: id, domain_concept_id: concept }));
}

function classRows(): readonly SampleRow[] {
  const ids = new Set(BLOCKS.map((block) => block.conceptClass));
  return [...ids].map((id) => ({
    concept_class_id: id,
    concept_class_name: id,
    concept_class_concept_id: 0,
  }));
}

function relationshipRows(): readonly SampleRow[] {
  return RELATIONSHIPS.map(([id, name, hierarchical, ancestry, reverse, concept]) => ({
    relationship_id: id,
    relationship_name: name,
    is_hierarchical: String(hierarchical),
    defines_ancestry: String(ancestry),
    reverse_relationship_id: reverse,
    relationship_concept_id: concept,
  }));
}

function linkRows(): readonly SampleRow[] {
  const standard = BLOCKS.filter((block) => block.source !== true);
  const itself = standard.flatMap((block) => block.concepts.map(([id]): [number, number] => [id, id]));
  return [
    ...[...itself, ...SOURCE_MAPS].flatMap(([from, to]) => bothWays(from, to, "Maps to", "Mapped from")),
    ...CONDITION_PARENTS.flatMap(([from, to]) => bothWays(from, to, "Is a", "Subsumes")),
    ...ingredientLinks().flatMap(([drug, of]) => bothWays(drug, of, "RxNorm has ing", "RxNorm ing of")),
  ];
}

function bothWays(from: number, to: number, relationship: string, reverse: string): readonly SampleRow[] {
  return [
    { concept_id_1: from, concept_id_2: to, relationship_id: relationship, ...ALWAYS },
    { concept_id_1: to, concept_id_2: from, relationship_id: reverse, ...ALWAYS },
  ];
}

function ingredientLinks(): readonly (readonly [number, number])[] {
  return Object.values(DRUGS).filter((drug) => drug.concept !== drug.ingredient)
    .map((drug): [number, number] => [drug.concept, drug.ingredient]);
}

/** The ancestors of conditions and drugs with the shortest and longest paths to them. Each concept is its own ancestor. */
function ancestorRows(): readonly SampleRow[] {
  const parents = new Map<number, number[]>();
  for (const [child, parent] of [...CONDITION_PARENTS, ...ingredientLinks()]) {
    parents.set(child, [...(parents.get(child) ?? []), parent]);
  }
  const rows: SampleRow[] = [];
  for (const block of BLOCKS) {
    // The sample has hierarchies for conditions and drugs only.
    if (block.source === true || (block.domain !== "Condition" && block.domain !== "Drug")) continue;
    for (const [descendant] of block.concepts) {
      for (const [ancestor, { least, most }] of climb(descendant, parents)) {
        rows.push({
          ancestor_concept_id: ancestor,
          descendant_concept_id: descendant,
          min_levels_of_separation: least,
          max_levels_of_separation: most,
        });
      }
    }
  }
  return rows;
}

function climb(
  from: number,
  parents: ReadonlyMap<number, readonly number[]>,
): ReadonlyMap<number, { readonly least: number; readonly most: number }> {
  const found = new Map([[from, { least: 0, most: 0 }]]);
  for (const parent of parents.get(from) ?? []) {
    for (const [ancestor, { least, most }] of climb(parent, parents)) {
      const known = found.get(ancestor);
      found.set(ancestor, {
        least: Math.min(known?.least ?? Infinity, least + 1),
        most: Math.max(known?.most ?? 0, most + 1),
      });
    }
  }
  return found;
}
