/** How names, codes and facets become words of the search's index, and queries become matches of it. Pure. */
import type { Concept } from "./concept.ts";

/** Words of a query that are used; more never make a name clearer. */
export const MAX_WORDS = 12;
/** Names with more words share one mark of length. */
const LONGEST_NAME = 30;

// deno-lint-ignore no-control-regex
const ASCII = /^[\x00-\x7f]*$/;

/**
 * Splits a text into words: lower case, without accents, letters and digits only.
 *
 * @param text The text.
 * @returns Its words in order, as in `["5", "mg", "ml"]` of `5 MG/ML`.
 */
export function wordsOf(text: string): readonly string[] {
  // Nearly all names; their words take a third of the time.
  if (ASCII.test(text)) return text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return text.normalize("NFKD").replace(/\p{M}+/gu, "").toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

/**
 * A name as it is compared: its words, separated by one space.
 *
 * @param text The name.
 */
export function comparable(text: string): string {
  return wordsOf(text).join(" ");
}

/** What narrows a search. */
export interface Facets {
  readonly domain?: string | undefined;
  readonly vocabulary?: string | undefined;
  readonly concept_class?: string | undefined;
  /** Standard concepts only. */
  readonly standard: boolean;
}

/** Marks begin with a character that no word has ({@link wordsOf}), but that FTS5 takes for a letter, so that no text of a caller finds them. */
export const MARK = "§";

/**
 * The mark of names with a number of words: an exact name is found among those that have all words and their number.
 *
 * @param words How many.
 */
export function lengthMark(words: number): string {
  return `${MARK}n${Math.min(words, LONGEST_NAME)}`;
}

/**
 * The mark of a code. Claims leave the point of `K92.2` out, so it does not count.
 *
 * @param code The code.
 */
export function codeMark(code: string): string {
  return `${MARK}c${wordsOf(code).join("")}`;
}

/**
 * The marks that concepts within facets have.
 *
 * @param facets The facets.
 */
export function facetMarks({ domain, vocabulary, concept_class, standard }: Facets): readonly string[] {
  return [
    ...(domain === undefined ? [] : [facetMark("d", domain)]),
    ...(vocabulary === undefined ? [] : [facetMark("v", vocabulary)]),
    ...(concept_class === undefined ? [] : [facetMark("k", concept_class)]),
    ...(standard ? [`${MARK}s`] : []),
  ];
}

/**
 * Everything by which a concept is found.
 *
 * @param concept The concept.
 * @param synonyms Its other names.
 * @returns Words and marks, separated by spaces.
 */
export function indexedText(concept: Concept, synonyms: readonly string[]): string {
  const names = [concept.concept_name, ...synonyms].map(wordsOf);
  const marks = [
    ...names.map(({ length }) => lengthMark(length)),
    codeMark(concept.concept_code),
    ...facetMarks({
      domain: concept.domain_id,
      vocabulary: concept.vocabulary_id,
      concept_class: concept.concept_class_id,
      standard: concept.standard_concept === "S",
    }),
  ];
  return [...new Set([...names.flat(), ...marks])].join(" ");
}

const CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789";

/**
 * Words at distance 1: one character changed, missing or too many, or two neighbours swapped.
 *
 * @param word The word.
 * @param characters Those that a word may have.
 * @returns The variants, about 70 for each character of the word.
 */
export function variantsOf(word: string, characters: string = CHARACTERS): readonly string[] {
  const found = new Set<string>();
  for (let at = 0; at <= word.length; at += 1) {
    const [before, after] = [word.slice(0, at), word.slice(at)];
    for (const character of characters) {
      found.add(before + character + after);
      if (after !== "") found.add(before + character + after.slice(1));
    }
    if (after !== "") found.add(before + after.slice(1));
    if (after.length > 1) found.add(before + (after[1] ?? "") + (after[0] ?? "") + after.slice(2));
  }
  found.delete(word);
  found.delete("");
  return [...found];
}

function facetMark(kind: string, value: string): string {
  return `${MARK}${kind}${wordsOf(value).join("")}`;
}
