import type { TableDefinition } from "./notation.ts";

/** The standardised vocabularies. The notation of the columns is explained at {@link TableDefinition}. */
export const VOCABULARY_TABLES = {
  concept: {
    group: "vocabulary",
    description: "Every clinical term and code, with its id, name and domain.",
    columns: {
      concept_id: "bigint! pk",
      concept_name: "varchar(255)!",
      domain_id: "varchar(20)! ->domain",
      vocabulary_id: "varchar(20)! ->vocabulary",
      concept_class_id: "varchar(20)! ->concept_class",
      standard_concept: "varchar(1)",
      concept_code: "varchar(50)!",
      valid_start_date: "date!",
      valid_end_date: "date!",
      invalid_reason: "varchar(1)",
    },
  },
  vocabulary: {
    group: "vocabulary",
    description: "The vocabularies that concepts come from.",
    columns: {
      vocabulary_id: "varchar(20)! pk",
      vocabulary_name: "varchar(255)!",
      vocabulary_reference: "varchar(255)!5.3",
      vocabulary_version: "varchar(255)",
      vocabulary_concept_id: "bigint! ->concept",
    },
  },
  domain: {
    group: "vocabulary",
    description: "The domains of concepts; a domain says which table its concepts belong in.",
    columns: {
      domain_id: "varchar(20)! pk",
      domain_name: "varchar(255)!",
      domain_concept_id: "bigint! ->concept",
    },
  },
  concept_class: {
    group: "vocabulary",
    description: "The classes that vocabularies sort their concepts into.",
    columns: {
      concept_class_id: "varchar(20)! pk",
      concept_class_name: "varchar(255)!",
      concept_class_concept_id: "bigint! ->concept",
    },
  },
  concept_relationship: {
    group: "vocabulary",
    description: "Directed links between concepts, such as Maps to.",
    columns: {
      concept_id_1: "bigint! ->concept",
      concept_id_2: "bigint! ->concept",
      relationship_id: "varchar(20)! ->relationship",
      valid_start_date: "date!",
      valid_end_date: "date!",
      invalid_reason: "varchar(1)",
    },
  },
  relationship: {
    group: "vocabulary",
    description: "The kinds of links between concepts.",
    columns: {
      relationship_id: "varchar(20)! pk",
      relationship_name: "varchar(255)!",
      is_hierarchical: "varchar(1)!",
      defines_ancestry: "varchar(1)!",
      reverse_relationship_id: "varchar(20)!",
      relationship_concept_id: "bigint! ->concept",
    },
  },
  concept_synonym: {
    group: "vocabulary",
    description: "Other names of concepts.",
    columns: {
      concept_id: "bigint! ->concept",
      concept_synonym_name: "varchar(1000)!",
      language_concept_id: "bigint! ->concept",
    },
  },
  concept_ancestor: {
    group: "vocabulary",
    description: "All pairs of a concept and a descendant of it, itself included.",
    columns: {
      ancestor_concept_id: "bigint! ->concept",
      descendant_concept_id: "bigint! ->concept",
      min_levels_of_separation: "integer!",
      max_levels_of_separation: "integer!",
    },
  },
  source_to_concept_map: {
    group: "vocabulary",
    description: "A site's own codes, mapped to concepts.",
    columns: {
      source_code: "varchar(50)!",
      source_concept_id: "bigint! ->concept",
      source_vocabulary_id: "varchar(20)!",
      source_code_description: "varchar(255)",
      target_concept_id: "bigint! ->concept",
      target_vocabulary_id: "varchar(20)! ->vocabulary",
      valid_start_date: "date!",
      valid_end_date: "date!",
      invalid_reason: "varchar(1)",
    },
  },
  drug_strength: {
    group: "vocabulary",
    description: "Amounts of ingredients in drug products.",
    columns: {
      drug_concept_id: "bigint! ->concept",
      ingredient_concept_id: "bigint! ->concept",
      amount_value: "numeric",
      amount_unit_concept_id: "bigint ->concept",
      numerator_value: "numeric",
      numerator_unit_concept_id: "bigint ->concept",
      denominator_value: "numeric",
      denominator_unit_concept_id: "bigint ->concept",
      box_size: "integer",
      valid_start_date: "date!",
      valid_end_date: "date!",
      invalid_reason: "varchar(1)",
    },
  },
} as const satisfies Readonly<Record<string, TableDefinition>>;
