/** The concepts of the configured CDM. */
export { CdmConcepts, type FoundMeasurements } from "./concepts.ts";
export { type ConceptDetails, DESCENDANTS_CAP, type UsedBelow } from "./details.ts";
export type { ExpandedSet, MemberTotal } from "./expand.ts";
export type { UnknownFacet } from "./near_facets.ts";
export type { NearCodes } from "./near_codes.ts";
export type { NamedConcepts } from "./notes.ts";
export { type FoundNumbers, type UnitNumbers, unitsIn } from "./numbers.ts";
export type { Level, RelatedConcept, Relatives } from "./relatives.ts";
export type { SearchRequest, SearchResult } from "./search.ts";
export { type ConceptSource, late } from "./source.ts";
export { ConceptUsage, type Occurrences, type ShownCounts } from "./usage.ts";
