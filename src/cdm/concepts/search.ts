/** Finds concepts by words, names and codes: through the index, or while it is being built by reading the names. */
import { OmcpError } from "../../errors.ts";
import { within } from "../../lib/async/deadline.ts";
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
import type { IndexBuild } from "./index/build.ts";
import type { WordIndex } from "./index/word_index.ts";
import { conceptMap } from "./known.ts";
import { type UnknownFacet, unknownFacets } from "./near_facets.ts";
import { type ConceptSource, late, readRows } from "./source.ts";
import type { ConceptUsage } from "./usage.ts";

/** Candidates of each kind: enough to order, few enough to look up. */
const EXACT = 60;
const ANY = 150;
/** The fewest letters of a word that alone leads to a hit. */
const DISTINCTIVE_LETTERS = 4;
/** The fewest letters of a last word that may be the beginning of a longer one: fewer begin too many. */
const OPEN_LETTERS = 3;
/** How long a search waits for the counts and the index, in ms. */
const INDEX_WAIT_MS = 700;
/** How long reading every name may take, in ms. */
const SCAN_MS = 1_200;

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
  /** Domain, vocabulary and class that no concept has; empty while the index is being built. */
  readonly unknown: readonly UnknownFacet[];
  /** What was searched: everything, by index or by reading every name; or codes and the names that the index has so far. */
  readonly scope: "index" | "names" | "part";
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
    ? await early(parts, request, words, signal)
    : await indexed(index, request, words);
  const candidates = await lookUp(source, usage, found.ids, signal);
  const hits = rankHits({ text: request.text, words: found.alternatives }, candidates)
    .filter(({ match }) => !request.code || match === "code" || match === "id");
  const unknown = index === undefined ? [] : unknownFacets(request.facets, build.facets);
  return { hits, more: found.more, replaced: found.replaced, scope: found.scope, unknown };
}

interface Found {
  readonly ids: readonly number[];
  readonly alternatives: Wanted["words"];
  readonly replaced: SearchResult["replaced"];
  readonly more: boolean;
  readonly scope: SearchResult["scope"];
}

async function indexed(
  index: WordIndex,
  { text, code, facets }: SearchRequest,
  words: readonly string[],
): Promise<Found> {
  const marks = facetMarks(facets).map((mark) => [mark]);
  // Concepts with just that code or name are hits even if they are not standard.
  const wide = facetMarks({ ...facets, standard: false }).map((mark) => [mark]);
  const ids = [...byId(text), ...await index.find([[codeMark(text)], ...wide], { limit: EXACT })];
  if (code) {
    return { ...plain(words), ids, more: false, scope: "index" };
  }
  const misspelt = await index.misspelt(words);
  const replaced = new Map([...misspelt].filter(([, similar]) => similar.length > 0));
  const alternatives = words.map((word) => [word, ...replaced.get(word) ?? []]);
  const [exact, any] = await Promise.all([
    index.find([...alternatives, [lengthMark(words.length)], ...wide], { limit: EXACT }),
    allWords(index, alternatives, marks),
  ]);
  ids.push(...exact, ...any);
  if (any.length === 0) {
    ids.push(...await index.find([...alternatives, ...wide], { limit: EXACT }));
    if (ids.length === 0) ids.push(...await anyWord(index, alternatives, marks));
  }
  return { ids, alternatives, replaced, more: any.length === ANY, scope: "index" };
}

/** Words without substitutes. */
function plain(words: readonly string[]): Pick<Found, "alternatives" | "replaced"> {
  return { alternatives: words.map((word) => [word]), replaced: new Map() };
}

function allWords(
  index: WordIndex,
  alternatives: Wanted["words"],
  marks: Wanted["words"],
): Promise<readonly number[]> {
  const last = alternatives.at(-1) ?? [];
  // A misspelt last word has substitutes, and a short one is in too many; another may be the beginning of a word.
  const open = last.length === 1 && (last[0]?.length ?? 0) >= OPEN_LETTERS ? last[0] : undefined;
  return open === undefined
    ? index.find([...alternatives, ...marks], { limit: ANY })
    : index.find([...alternatives.slice(0, -1), ...marks], { prefix: open, limit: ANY });
}

/** Concepts with any of the words, except short words, such as those of doses, which are in too many names. */
function anyWord(
  index: WordIndex,
  alternatives: Wanted["words"],
  marks: Wanted["words"],
): Promise<readonly number[]> {
  const distinctive = alternatives.flat().filter((word) => word.length >= DISTINCTIVE_LETTERS);
  return index.find([distinctive.length > 0 ? distinctive : alternatives.flat(), ...marks], { limit: ANY });
}

/** Answers while the index is being built: from the database's own indexes, from every name if that is fast, and from the index so far. */
async function early(
  { source, build }: { readonly source: ConceptSource; readonly build: IndexBuild },
  { text, code, facets }: SearchRequest,
  words: readonly string[],
  signal: AbortSignal,
): Promise<Found> {
  const { schema, relations } = source;
  const coded = (await readRows(source, conceptsByCode(text.trim(), schema, EXACT), signal)).map(conceptOf);
  const ids = [...byId(text), ...coded.map(({ concept_id }) => concept_id)];
  if (code) return { ...plain(words), ids, more: false, scope: "names" };
  const options = { facets, synonyms: relations.has("concept_synonym"), limit: ANY };
  const marks = facetMarks(facets).map((mark) => [mark]);
  const [read, known] = await Promise.all([
    readRows(source, scanNames(words, schema, options), signal, SCAN_MS).catch(late(signal)),
    inPart(build, [...words.map((word) => [word]), ...marks]),
  ]);
  ids.push(...known, ...read?.map((row) => conceptOf(row).concept_id) ?? []);
  return read === undefined
    ? { ...plain(words), ids, more: true, scope: "part" }
    : { ...plain(words), ids, more: read.length === ANY, scope: "names" };
}

/** Ids that the index has so far; none where its worker fails, or is busy: this answer does without. */
async function inPart(build: IndexBuild, all: Wanted["words"]): Promise<readonly number[]> {
  const found = build.partial?.find(all, { limit: ANY }).catch(() => []);
  return found === undefined ? [] : await within(found, SCAN_MS) ?? [];
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
