/** Concepts and concept sets: pure; values in, SQL or values out. */
export {
  conceptIdSchema,
  type ConceptSet,
  conceptSetHash,
  type ConceptSetItem,
  conceptSetSchema,
  namedConcepts,
  ONLY_EXCLUDES,
  onlyExcludes,
  refuseOnlyExcludes,
  SET_NAMES,
  writtenItems,
} from "./concept_set.ts";
export { type Concept, conceptOf, integersOf } from "./concept.ts";
export { conceptSetMembers } from "./concept_set_sql.ts";
export { type AtlasConceptSet, atlasSchema, fromAtlas, toAtlas } from "./atlas.ts";
export {
  conceptsById,
  descendantsOf,
  type Direction,
  knownDescendants,
  mapsTo,
  MOST_MAPPINGS,
  relationships,
  relativeCounts,
  relatives,
  setFingerprint,
  setMembers,
  setTotals,
  synonymsOf,
  usedDescendants,
} from "./statements.ts";
export { cdmRevision } from "./revision.ts";
export { conceptsByCode, everyConcept, scanNames } from "./search_statements.ts";
export { nearIds } from "./near_ids.ts";
export { idsInColumn, rowsOfNobody, type UsageColumn, usageColumns, usageCounts } from "./usage.ts";
export {
  codeMark,
  facetMarks,
  type Facets,
  indexedText,
  lengthMark,
  MARK,
  MAX_WORDS,
  variantsOf,
  wordsOf,
} from "./words.ts";
export { type Candidate, type Hit, type Match, rankHits, type Wanted } from "./rank.ts";
export { hasNumbers, NUMBER_TABLES, numbersByUnit, type NumberTable } from "./measurement_sql.ts";
