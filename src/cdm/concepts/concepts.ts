/** The concepts of the configured CDM, as tools use them. */
import type { Concept, ConceptSet } from "../../omop/concepts/mod.ts";
import { type ConceptDetails, conceptDetails } from "./details.ts";
import { type ExpandedSet, expandSet } from "./expand.ts";
import { IndexBuild } from "./index_build.ts";
import { searchConcepts, type SearchRequest, type SearchResult } from "./search.ts";
import type { ConceptSource } from "./source.ts";
import { ConceptUsage } from "./usage.ts";

/** Ids in use that order the members of a set. */
const ORDERING_IDS = 20_000;
/** How long a call waits for the counts. */
const COUNTS_WAIT_MS = 1_000;

/** Looks concepts up. Nothing is read before the first call. */
export class CdmConcepts {
  /** How often concepts occur. */
  readonly usage: ConceptUsage;
  readonly #source: ConceptSource;
  readonly #build: IndexBuild;

  /** @param source The database. */
  constructor(source: ConceptSource) {
    this.#source = source;
    this.usage = new ConceptUsage(source);
    this.#build = new IndexBuild(source, this.usage);
  }

  /** Concepts that the search's index has so far. */
  get indexed(): number {
    return this.#build.added;
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
    await this.#counts(signal);
    const parts = { source: this.#source, build: this.#build, usage: this.usage };
    return await searchConcepts(parts, request, signal);
  }

  /**
   * What a result says of concepts besides themselves.
   *
   * @param concepts The concepts.
   * @param signal The call's.
   */
  async details(concepts: readonly Concept[], signal: AbortSignal): Promise<ConceptDetails> {
    return await conceptDetails({ source: this.#source, usage: this.usage }, concepts, signal);
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
    return await expandSet(this.#source, set, { used: this.usage.used(ORDERING_IDS), limit }, signal);
  }

  async #counts(signal: AbortSignal): Promise<void> {
    // The start of a local database is not a part of the wait.
    await this.#source.reader(signal);
    await this.usage.ready(COUNTS_WAIT_MS);
  }

  /** Stops what runs in the background. */
  async close(): Promise<void> {
    await Promise.all([this.usage.close(), this.#build.close()]);
  }
}
