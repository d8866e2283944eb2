/** Concepts as text that a model reads well: a line each, ids first. */
import {
  type CdmConcepts,
  type ConceptDetails,
  DESCENDANTS_CAP,
  type Occurrences,
  type SearchResult,
} from "../cdm/concepts/mod.ts";
import { counted } from "../lib/counted.ts";
import { showable } from "../lib/text.ts";
import type { Concept } from "../omop/concepts/mod.ts";

/** Columns that are shown of one concept's occurrences. */
const SHOWN_COLUMNS = 3;
/** An index that has been built for less than this is probably small, like that of the sample. */
const SOON_SECONDS = 10;

/**
 * Whether a concept is standard, and valid.
 *
 * @param concept The concept.
 * @returns `standard`, `classification` or `not standard`, and `invalid` where it is.
 */
export function kindOf(
  { standard_concept, invalid_reason }: Pick<Concept, "standard_concept" | "invalid_reason">,
): string {
  const kind = standard_concept === "S"
    ? "standard"
    : standard_concept === "C"
    ? "classification"
    : "not standard";
  return invalid_reason === null ? kind : `${kind}, invalid`;
}

/**
 * A concept in a line, without its occurrences.
 *
 * @param concept The concept.
 * @returns As in `201826 | Type 2 diabetes mellitus | Condition | SNOMED 44054006 | Clinical Finding | standard`.
 */
export function conceptLine(concept: Concept): string {
  return showable([
    concept.concept_id,
    concept.concept_name,
    concept.domain_id,
    `${concept.vocabulary_id} ${concept.concept_code}`,
    concept.concept_class_id,
    kindOf(concept),
  ].join(" | "));
}

/**
 * Where a concept occurs.
 *
 * @param concepts The concepts, for their counts.
 * @param id The concept.
 * @returns The columns, the most records first.
 */
export function usesOf({ usage }: CdmConcepts, id: number): readonly Occurrences[] {
  return usage.of(id).toSorted((left, right) => right.records - left.records);
}

/**
 * Where a concept occurs in the CDM's records, in words.
 *
 * @param concepts The concepts, for their counts.
 * @param id The concept.
 * @returns As in `802 records, 802 persons in condition_occurrence`; says if nothing is known.
 */
export function occurrencesText(concepts: CdmConcepts, id: number): string {
  const { usage } = concepts;
  const uses = usesOf(concepts, id);
  if (uses.length === 0) {
    if (!usage.done || usage.failed.length > 0) return "not counted";
    const { leastPersons } = usage;
    return leastPersons === undefined ? "no records" : `fewer than ${leastPersons} persons, or none`;
  }
  const shown = uses.slice(0, SHOWN_COLUMNS).map((one) =>
    occurrenceText(one, usage.leastPersons !== undefined)
  );
  if (uses.length > shown.length) shown.push(`and in ${counted(uses.length - shown.length, "more column")}`);
  return shown.join("; ");
}

/**
 * How many descendants a concept has.
 *
 * @param details The details of concepts.
 * @param id The concept.
 * @returns As in `12`, `more than 1,000`; `not counted` if that took too long.
 */
export function descendantsText({ descendants }: ConceptDetails, id: number): string {
  if (descendants === undefined) return "not counted";
  const count = descendants.get(id) ?? 0;
  return count < DESCENDANTS_CAP
    ? count.toLocaleString("en")
    : `more than ${(DESCENDANTS_CAP - 1).toLocaleString("en")}`;
}

/**
 * The records of a concept's descendants.
 *
 * @param details The details of concepts.
 * @param id The concept.
 * @returns A clause to append to {@link occurrencesText}; empty if no descendant is in use.
 */
export function belowText({ below }: ConceptDetails, id: number): string {
  const used = below.get(id);
  return used === undefined
    ? ""
    : `; ${used.partial ? "at least " : ""}${counted(used.records, "record")} under ${
      counted(used.ids.length, "descendant")
    }`;
}

/**
 * Which records the counts of a result do not include.
 *
 * @param concepts The concepts, for their counts.
 * @returns Lines, none where everything is counted.
 */
export function countNotes({ usage }: CdmConcepts): readonly string[] {
  if (!usage.done) {
    return [
      "[Records and persons are being counted in the background: call again for those that are not counted yet.]",
    ];
  }
  if (usage.failed.length === 0) return [];
  const columns = usage.failed.map(({ table, column }) => `${table}.${column}`).join(", ");
  return [`[Not counted, because it took too long or failed: ${columns}.]`];
}

/**
 * What a search did not read because its index is still being built.
 *
 * @param result What was searched.
 * @param index The index so far.
 * @returns Lines, none where the index is complete.
 */
export function scopeNotes(
  { scope }: Pick<SearchResult, "scope">,
  { indexed, indexSeconds }: Pick<CdmConcepts, "indexed" | "indexSeconds">,
): readonly string[] {
  if (scope === "index") return [];
  const what = scope === "names"
    ? "all names were read one by one, without misspellings"
    : indexed === 0
    ? "only ids and codes were searched, because reading all names takes too long"
    : "only ids, codes and the names of these concepts were searched, standard ones in use first";
  const when = indexSeconds < SOON_SECONDS ? "a few seconds" : "a minute";
  return [
    `[The search's index is being built, ${
      counted(indexed, "concept")
    } so far: ${what}. Search again in ${when} for all.]`,
  ];
}

function occurrenceText({ table, source, records, persons }: Occurrences, rounded: boolean): string {
  const about = rounded ? "≈ " : "";
  return `${about}${counted(records, "record")}, ${about}${counted(persons, "person")} in ${table}${
    source ? " (as source concept)" : ""
  }`;
}
