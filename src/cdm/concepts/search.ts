/** Finds concepts by words, names and codes: through the index, or while it is being built by reading the names. */
import { OmcpError } from "../../errors.ts";
import {
  type Candidate,
  codeMark,
  conceptOf,
  conceptsByCode,
  facetMarks,
  type Facets,
  type Hit,
  integersOf,
  lengthMark,
  MAX_WORDS,
  rankHits,
  scanNames,
  synonymsOf,
  type Wanted,
  wordsOf,
} from "../../omop/concepts/mod.ts";
import type { IndexBuild } from "./index_build.ts";
import { conceptMap } from "./known.ts";
import { type ConceptSource, late, readRows } from "./source.ts";
import type { ConceptUsage } from "./usage.ts";
import type { WordIndex } from "./word_index.ts";

/** Candidates of each kind: enough to order, few enough to look up. */
const EXACT = 60;
const ANY = 150;
/** The fewest letters of a word that alone leads to a hit. */
const DISTINCTIVE_LETTERS = 4;
/** The fewest letters of a last word that may be the beginning of a longer one: fewer begin too many. */
const OPEN_LETTERS = 3;
/** How long a search waits for the counts and the index, in ms. */
const INDEX_WAIT_MS = 1_200;
/** How long reading every name may take, and reading those in use, in ms. */
const SCAN_MS = 1_200;
const USED_MS = 5_000;
/** Concepts in use that are searched when reading every name took too long. */
const MOST_USED = 20_000;

/** What is searched for. */
export interface SearchRequest {
  readonly text: string;
  /** Only codes. */
  readonly code: boolean;
  readonly facets: Facets;
}

/** What was found. */
export interface SearchResult {
  /** All that were looked at, the best first. */
  readonly hits: readonly Hit[];
  /** Whether more concepts match than were looked at. */
  readonly more: boolean;
  /** Words that no concept has, with what was taken in their place. */
  readonly replaced: ReadonlyMap<string, readonly string[]>;
  /** What was searched: everything, by index or reading; or only concepts in use. */
  readonly scope: "index" | "names" | "used";
}

/**
 * Searches.
 *
 * @param parts Database, index and counts.
 * @param request What is searched for.
 * @param signal The call's.
 * @returns The hits, the best first.
 */
export async function searchConcepts(
  parts: { readonly source: ConceptSource; readonly build: IndexBuild; readonly usage: ConceptUsage },
  request: SearchRequest,
  signal: AbortSignal,
): Promise<SearchResult> {
  const { source, build, usage } = parts;
  const index = await build.ready(INDEX_WAIT_MS);
  const words = wordsOf(request.text).slice(0, MAX_WORDS);
  if (words.length === 0) {
    throw new OmcpError("invalid_argument", "The text has no letter or digit", {
      next: "Pass words of a concept's name, or its code.",
    });
  }
  const found = index === undefined
    ? await scanned(parts, request, words, signal)
    : indexed(index, request, words);
  const candidates = await lookUp(source, usage, found.ids, signal);
  const hits = rankHits({ text: request.text, words: found.alternatives }, candidates)
    .filter(({ match }) => !request.code || match === "code" || match === "id");
  return { hits, more: found.more, replaced: found.replaced, scope: found.scope };
}

interface Found {
  readonly ids: readonly number[];
  readonly alternatives: Wanted["words"];
  readonly replaced: SearchResult["replaced"];
  readonly more: boolean;
  readonly scope: SearchResult["scope"];
}

function indexed(index: WordIndex, { text, code, facets }: SearchRequest, words: readonly string[]): Found {
  const marks = facetMarks(facets).map((mark) => [mark]);
  // Concepts with just that code or name are hits even if they are not standard.
  const wide = facetMarks({ ...facets, standard: false }).map((mark) => [mark]);
  const ids = [...byId(text), ...index.find([[codeMark(text)], ...wide], { limit: EXACT })];
  if (code) {
    return {
      ids,
      alternatives: words.map((word) => [word]),
      replaced: new Map(),
      more: false,
      scope: "index",
    };
  }
  const replaced = new Map<string, readonly string[]>();
  const alternatives = words.map((word, at) => {
    if (index.frequency(word) > 0 || (at === words.length - 1 && index.hasPrefix(word))) return [word];
    const similar = index.similar(word);
    if (similar.length > 0) replaced.set(word, similar);
    return [word, ...similar];
  });
  ids.push(...index.find([...alternatives, [lengthMark(words.length)], ...wide], { limit: EXACT }));
  const last = alternatives.at(-1) ?? [];
  // A misspelt last word has substitutes, and a short one is in too many; another may be the beginning of a word.
  const open = last.length === 1 && (last[0]?.length ?? 0) >= OPEN_LETTERS ? last[0] : undefined;
  const any = open === undefined
    ? index.find([...alternatives, ...marks], { limit: ANY })
    : index.find([...alternatives.slice(0, -1), ...marks], { prefix: open, limit: ANY });
  ids.push(...any);
  if (any.length === 0) {
    ids.push(...index.find([...alternatives, ...wide], { limit: EXACT }));
    if (ids.length === 0) ids.push(...anyWord(index, alternatives, marks));
  }
  return { ids, alternatives, replaced, more: any.length === ANY, scope: "index" };
}

/** Concepts with any of the words, except short words, such as those of doses, which are in too many names. */
function anyWord(index: WordIndex, alternatives: Wanted["words"], marks: Wanted["words"]): readonly number[] {
  const distinctive = alternatives.flat().filter((word) => word.length >= DISTINCTIVE_LETTERS);
  return index.find([distinctive.length > 0 ? distinctive : alternatives.flat(), ...marks], { limit: ANY });
}

async function scanned(
  { source, usage }: { readonly source: ConceptSource; readonly usage: ConceptUsage },
  { text, code, facets }: SearchRequest,
  words: readonly string[],
  signal: AbortSignal,
): Promise<Found> {
  const { schema, relations } = source;
  const none = { alternatives: words.map((word) => [word]), replaced: new Map<string, readonly string[]>() };
  const coded = (await readRows(source, conceptsByCode(text.trim(), schema, EXACT), signal)).map(conceptOf);
  const ids = [...byId(text), ...coded.map(({ concept_id }) => concept_id)];
  if (code) return { ...none, ids, more: false, scope: "names" };
  const options = { facets, synonyms: relations.has("concept_synonym"), limit: ANY };
  const all = await readRows(source, scanNames(words, schema, options), signal, SCAN_MS).catch(late(signal));
  if (all !== undefined) {
    ids.push(...all.map((row) => conceptOf(row).concept_id));
    return { ...none, ids, more: all.length === ANY, scope: "names" };
  }
  const within = usage.used(MOST_USED);
  const used = await readRows(source, scanNames(words, schema, { ...options, within }), signal, USED_MS);
  ids.push(...used.map((row) => conceptOf(row).concept_id));
  return { ...none, ids, more: true, scope: "used" };
}

function byId(text: string): number[] {
  return /^\d{1,15}$/.test(text.trim()) ? [Number(text)] : [];
}

async function lookUp(
  source: ConceptSource,
  usage: ConceptUsage,
  ids: readonly number[],
  signal: AbortSignal,
): Promise<readonly Candidate[]> {
  const distinct = [...new Set(ids)];
  if (distinct.length === 0) return [];
  const [concepts, synonyms] = await Promise.all([
    conceptMap(source, distinct, signal),
    source.relations.has("concept_synonym")
      ? readRows(source, synonymsOf(distinct, source.schema), signal)
      : [],
  ]);
  const names = new Map<number, string[]>();
  for (const [id = null, name] of synonyms) {
    const [concept = 0] = integersOf([id]);
    const known = names.get(concept) ?? [];
    known.push(name ?? "");
    names.set(concept, known);
  }
  return [...concepts.values()].map((concept) => ({
    concept,
    synonyms: names.get(concept.concept_id) ?? [],
    records: usage.records(concept.concept_id),
  }));
}
