/** The concepts of the configured CDM, as tools use them. */
import { logger } from "../../observability/log.ts";
import type { Concept, ConceptSet } from "../../omop/concepts/mod.ts";
import { type ConceptDetails, conceptDetails } from "./details.ts";
import { type ExpandedSet, expandSet } from "./expand.ts";
import { IndexBuild } from "./index/build.ts";
import { forgetRows } from "./kept_rows.ts";
import { conceptMap, mappings, refuseMissing } from "./known.ts";
import { type FoundNumbers, numbersOf } from "./numbers.ts";
import { type NearCodes, nearCodes } from "./near_codes.ts";
import { conceptNotes, type NamedConcepts } from "./notes.ts";
import { Orphans } from "./orphans.ts";
import { Reloads } from "./reloads.ts";
import { type RelatedConcept, relatedConcept } from "./relatives.ts";
import { searchConcepts, type SearchRequest, type SearchResult } from "./search.ts";
import type { ConceptSource } from "./source.ts";
import { ConceptUsage, type ShownCounts } from "./usage.ts";

const log = logger("postgres");

/** The most ids in use by which the members of a set are ordered. */
const ORDERING_IDS = 20_000;
/** How long a call waits for the counts. */
const COUNTS_WAIT_MS = 1_000;

/** How long an answer without rows, or about unknown concepts, waits for them, in ms. */
const EXPLAINING_WAIT_MS = 3_000;

/** What {@link CdmConcepts.measurements} finds. */
export interface FoundMeasurements extends Pick<SearchResult, "hits" | "more"> {
  /** Standard concepts that hits map to. */
  readonly targets: readonly Concept[];
  readonly numbers: FoundNumbers;
}

/** What the server has of one load of the CDM. */
interface Kept {
  readonly usage: ConceptUsage;
  readonly build: IndexBuild;
  readonly orphans: Orphans;
}

/** Looks concepts up. Nothing is read before the first call, and everything again after the CDM has been loaded again. */
export class CdmConcepts {
  readonly #source: ConceptSource;
  readonly #shown: ShownCounts | undefined;
  readonly #reloads: Reloads;
  #kept: Kept;
  #closing: Promise<unknown> = Promise.resolve();

  /**
   * @param source The database.
   * @param shown What may be shown of counts. @default all
   * @param trustedMs How often calls check whether the CDM has been loaded again, in ms. @default 30,000
   */
  constructor(source: ConceptSource, shown?: ShownCounts, trustedMs?: number) {
    this.#source = source;
    this.#shown = shown;
    this.#kept = this.#nothing();
    this.#reloads = new Reloads(source, () => this.#forget(), trustedMs);
  }

  /** How often concepts occur. */
  get usage(): ConceptUsage {
    return this.#kept.usage;
  }

  /** Rows of people who have no row in the CDM's table person. */
  get orphans(): Orphans {
    return this.#kept.orphans;
  }

  /** Whether the search's index is complete. */
  get indexReady(): boolean {
    return this.#kept.build.complete;
  }

  /** Concepts that the search's index has so far. */
  get indexed(): number {
    return this.#kept.build.added;
  }

  /** For how many seconds the search's index has been built so far. */
  get indexSeconds(): number {
    return this.#kept.build.seconds;
  }

  /**
   * Searches concepts by words, names and codes.
   *
   * @param request What is searched for.
   * @param signal The call's.
   * @returns The hits, the best first.
   * @throws {OmcpError} `invalid_argument` for a text without letters and digits.
   */
  async search(request: SearchRequest, signal: AbortSignal): Promise<SearchResult> {
    await this.#ready(signal);
    const parts = { source: this.#source, build: this.#kept.build, usage: this.usage };
    return await searchConcepts(parts, request, signal);
  }

  /**
   * Finds what a code may mean that a search did not find.
   *
   * @param code The code.
   * @param signal The call's.
   */
  async nearCodes(code: string, signal: AbortSignal): Promise<NearCodes> {
    return await nearCodes({ source: this.#source, build: this.#kept.build }, code, signal);
  }

  /**
   * Finds concepts by words, with statistics of each one's own records, without those of its descendants.
   *
   * @param text The words, or a code.
   * @param signal The call's.
   * @returns The hits, the standard concepts that others map to, and the numbers.
   */
  async measurements(text: string, signal: AbortSignal): Promise<FoundMeasurements> {
    const { hits, more } = await this.search({ text, code: false, facets: { standard: false } }, signal);
    const concepts = hits.map(({ concept }) => concept);
    const targets = [...(await mappings(this.#source, concepts, signal)).values()].flat();
    const ids = [...concepts, ...targets].map(({ concept_id }) => concept_id);
    return { hits, more, targets, numbers: await numbersOf(this.#source, [...new Set(ids)], signal) };
  }

  /**
   * Looks a concept and its relations up.
   *
   * @param id The concept.
   * @param limit The most relatives of each kind.
   * @param signal The call's.
   * @throws {OmcpError} `concept_not_found` if the CDM lacks it.
   */
  async get(id: number, limit: number, signal: AbortSignal): Promise<RelatedConcept> {
    await this.#counts(signal);
    return await relatedConcept({ source: this.#source, usage: this.usage }, id, limit, signal);
  }

  /**
   * Finds how often concepts occur, the number of their descendants in use, and what they map to.
   *
   * @param concepts The concepts.
   * @param signal The call's.
   */
  async details(concepts: readonly Concept[], signal: AbortSignal): Promise<ConceptDetails> {
    return await conceptDetails({ source: this.#source, usage: this.usage }, concepts, signal);
  }

  /**
   * Checks the concepts of a query before it runs, and explains a result without rows after it: see {@link conceptNotes}.
   *
   * @param query The concepts that it names, and whether its result was empty.
   * @param signal The call's.
   * @returns Lines for the answer.
   * @throws {OmcpError} `concept_not_found` if the CDM lacks one.
   */
  async conceptNotes(query: NamedConcepts, signal: AbortSignal): Promise<readonly string[]> {
    if (query.ids.length === 0) return [];
    await this.#ready(signal);
    // What an empty result means cannot be said without the counts.
    await this.usage.ready(query.empty === true ? EXPLAINING_WAIT_MS : 0);
    const parts = {
      source: this.#source,
      usage: this.usage,
      named: async (name: string) => {
        const request = { text: name, code: false, facets: { standard: true } };
        const { hits } = await this.search(request, signal);
        return hits.filter(({ match }) => match !== "some words").map(({ concept }) => concept);
      },
    };
    return await conceptNotes(parts, query, signal);
  }

  /**
   * Checks the concepts of a question where rows must not leave the database. A site may use concepts that its vocabulary lacks; only the
   * counts that everybody may see say so here, because a look into the records would show whether a single person has one.
   *
   * @param ids The concepts that it names. Concept 0 is always known.
   * @param signal The call's.
   * @throws {OmcpError} `concept_not_found` if the vocabulary lacks one that the counts do not show.
   */
  async requireKnown(ids: readonly number[], signal: AbortSignal): Promise<void> {
    const distinct = [...new Set(ids)].filter((id) => id !== 0);
    if (distinct.length === 0) return;
    await this.#ready(signal);
    if (!this.#source.relations.has("concept")) return;
    const found = await conceptMap(this.#source, distinct, signal);
    const missing = distinct.filter((id) => !found.has(id));
    if (missing.length === 0) return;
    await this.usage.ready(EXPLAINING_WAIT_MS);
    const unseen = missing.filter((id) => this.usage.everywhere(id).length === 0);
    await refuseMissing(this.#source, unseen, signal);
  }

  /**
   * Resolves a concept set.
   *
   * @param set The set.
   * @param limit The most members that are listed.
   * @param signal The call's.
   * @returns The set's members and totals.
   * @throws {OmcpError} `concept_not_found` if the set names a concept that the CDM lacks.
   */
  async expand(set: ConceptSet, limit: number, signal: AbortSignal): Promise<ExpandedSet> {
    await this.#counts(signal);
    const used = await this.usage.used(ORDERING_IDS);
    return await expandSet(this.#source, set, { used, limit }, signal);
  }

  async #counts(signal: AbortSignal): Promise<void> {
    await this.#ready(signal);
    await this.usage.ready(COUNTS_WAIT_MS);
  }

  async #ready(signal: AbortSignal): Promise<void> {
    // The start of a local database is not a part of any other wait.
    await this.#source.reader(signal);
    await this.#reloads.check(signal);
  }

  #nothing(): Kept {
    const usage = new ConceptUsage(this.#source, this.#shown);
    return { usage, build: new IndexBuild(this.#source, usage), orphans: new Orphans(this.#source) };
  }

  #forget(): void {
    log.info("The CDM has been loaded again: its concepts are counted and indexed again");
    const old = this.#kept;
    this.#kept = this.#nothing();
    forgetRows(this.#source);
    this.#closing = Promise.all([this.#closing, closed(old)]);
  }

  /** Stops what runs in the background. */
  async close(): Promise<void> {
    await Promise.all([this.#closing, closed(this.#kept)]);
  }
}

async function closed({ usage, build, orphans }: Kept): Promise<void> {
  await Promise.all([usage.close(), build.close(), orphans.close()]);
}
