/** The order of a search's hits. Pure. */
import type { Concept } from "./concept.ts";
import { codeMark, comparable, wordsOf } from "./words.ts";

/** Why a concept is a hit, the best reason first. */
export const MATCHES = ["id", "code", "name", "synonym", "prefix", "words", "similar", "some words"] as const;

/** One of {@link MATCHES}. */
export type Match = typeof MATCHES[number];

/** A concept that may be a hit. */
export interface Candidate {
  readonly concept: Concept;
  readonly synonyms: readonly string[];
  /** Records in the CDM, as far as they are counted. */
  readonly records: number;
}

/** A concept that is a hit. */
export interface Hit extends Candidate {
  readonly match: Match;
  /** The synonym that matches better than the name. */
  readonly by?: string;
}

/** What is looked for. */
export interface Wanted {
  readonly text: string;
  /** For each word of the text, its alternatives: itself, or similar words if no concept has it. */
  readonly words: readonly (readonly string[])[];
}

/**
 * Orders candidates: by {@link MATCHES}; then standard concepts, those with more records, shorter names.
 *
 * @param wanted What is looked for.
 * @param candidates The candidates.
 * @returns All candidates that match, the best first.
 */
export function rankHits(wanted: Wanted, candidates: readonly Candidate[]): readonly Hit[] {
  const known = { comparable: comparable(wanted.text), code: codeMark(wanted.text), wanted };
  const hits = candidates.map((candidate) => hitOf(known, candidate));
  const surpluses = new Map(hits.map((hit) => [hit, surplus(known, hit)]));
  return hits
    .sort((left, right) =>
      MATCHES.indexOf(left.match) - MATCHES.indexOf(right.match) ||
      (surpluses.get(left) ?? 0) - (surpluses.get(right) ?? 0) ||
      weight(left.concept) - weight(right.concept) ||
      right.records - left.records ||
      left.concept.concept_name.length - right.concept.concept_name.length ||
      left.concept.concept_id - right.concept.concept_id
    );
}

interface Known {
  readonly comparable: string;
  readonly code: string;
  readonly wanted: Wanted;
}

function hitOf(known: Known, candidate: Candidate): Hit {
  const { concept, synonyms } = candidate;
  if (String(concept.concept_id) === known.wanted.text.trim()) return { ...candidate, match: "id" };
  if (known.code === codeMark(concept.concept_code)) return { ...candidate, match: "code" };
  let best: { readonly match: Match; readonly by?: string } = {
    match: matchOf(known, concept.concept_name, "name"),
  };
  for (const synonym of synonyms) {
    const match = matchOf(known, synonym, "synonym");
    if (MATCHES.indexOf(match) < MATCHES.indexOf(best.match)) best = { match, by: synonym };
  }
  return { ...candidate, ...best };
}

function matchOf({ comparable: text, wanted }: Known, name: string, exactly: Match): Match {
  const has = wordsOf(name);
  const compared = has.join(" ");
  if (compared === text) return exactly;
  if (text !== "" && compared.startsWith(text)) return "prefix";
  const [exact, similar] = [true, false].map((strict) =>
    wanted.words.every((alternatives, at) =>
      (strict ? alternatives.slice(0, 1) : alternatives).some((word) =>
        has.some((each) =>
          each === word || (strict && at === wanted.words.length - 1 && each.startsWith(word))
        )
      )
    )
  );
  return exact ? "words" : similar ? "similar" : "some words";
}

/**
 * How far a weak hit is from the query. For a match by similar words, this is the number of other words in the name; for a match of some words, the
 * number of letters in the missing words.
 */
function surplus({ wanted }: Known, { match, by, concept }: Hit): number {
  const has = wordsOf(by ?? concept.concept_name);
  if (match === "similar") return Math.abs(has.length - wanted.words.length);
  if (match !== "some words") return 0;
  return wanted.words.filter((alternatives) => !alternatives.some((word) => has.includes(word)))
    .reduce((sum, [word = ""]) => sum + word.length, 0);
}

/** Standard, classification, other; invalid ones after all of them. */
function weight({ standard_concept, invalid_reason }: Concept): number {
  const kind = standard_concept === "S" ? 0 : standard_concept === "C" ? 1 : 2;
  return kind + (invalid_reason === null ? 0 : 3);
}
