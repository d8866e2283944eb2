/** What a code may mean that no concept has, or none within the facets of a search. */
import { distance } from "fastest-levenshtein";
import { codeMark, type Concept, variantsOf, wordsOf } from "../../omop/concepts/mod.ts";
import type { IndexBuild } from "./index/build.ts";
import { conceptMap } from "./known.ts";
import type { ConceptSource } from "./source.ts";
import type { WordIndex } from "./index/word_index.ts";
import { byConcepts } from "./near_facets.ts";

/** Codes that are named. */
const NEAR = 8;
/** Candidates of each kind. */
const CANDIDATES = 40;
/** A code with fewer characters begins too many others. */
const SHORTEST = 3;
/** The width of concept_code. A text of fifty ligatures has hundreds of letters, whose variants would hold the server up. */
const LONGEST = 50;

/** What {@link nearCodes} finds; both are empty while the search's index is being built. */
export interface NearCodes {
  /** Concepts whose code equals it, begins with it, is a beginning of it, or differs in one character; the nearest first. */
  readonly concepts: readonly Concept[];
  /** The vocabularies of the CDM's concepts, the one with the most concepts first. */
  readonly vocabularies: readonly string[];
}

/**
 * Finds concepts of every domain, vocabulary and class with a code like the given one.
 *
 * @param parts Database and index.
 * @param code The code.
 * @param signal The call's.
 */
export async function nearCodes(
  { source, build }: { readonly source: ConceptSource; readonly build: IndexBuild },
  code: string,
  signal: AbortSignal,
): Promise<NearCodes> {
  const index = await build.ready(0);
  if (index === undefined) return { concepts: [], vocabularies: [] };
  const wanted = bare(code);
  const ids = wanted.length > LONGEST ? new Set<number>() : await candidates(index, wanted);
  const found = await conceptMap(source, [...ids], signal);
  const near = [...ids].flatMap((id) => found.get(id) ?? []);
  return {
    concepts: near.map((concept) => ({ concept, away: distance(wanted, bare(concept.concept_code)) }))
      .sort((left, right) => left.away - right.away)
      .slice(0, NEAR).map(({ concept }) => concept),
    vocabularies: byConcepts(build.facets.vocabulary),
  };
}

async function candidates(index: WordIndex, wanted: string): Promise<ReadonlySet<number>> {
  const mark = codeMark(wanted);
  const beginnings = Array.from(
    { length: Math.max(0, wanted.length - SHORTEST) },
    (_, at) => wanted.slice(0, SHORTEST + at),
  );
  const found = await Promise.all([
    index.find([[mark]], { limit: CANDIDATES }),
    index.find([[...variantsOf(wanted), ...beginnings].map(codeMark)], { limit: CANDIDATES }),
    wanted.length < SHORTEST ? [] : index.find([], { prefix: mark, limit: CANDIDATES }),
  ]);
  return new Set(found.flat());
}

/** A code as the index has it: without its point, in lower case. */
function bare(code: string): string {
  return wordsOf(code).join("");
}
