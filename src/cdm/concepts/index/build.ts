/** Fills the search's index from the database: once for a server, in the background, a few milliseconds at a time. */
import { errorMessage } from "../../../lib/error_message.ts";
import { within } from "../../../lib/async/deadline.ts";
import { logger } from "../../../observability/log.ts";
import { conceptOf, everyConcept, indexedText } from "../../../omop/concepts/mod.ts";
import { type FacetNames, FACETS } from "../near_facets.ts";
import { pacer } from "../pacer.ts";
import type { ConceptSource } from "../source.ts";
import type { ConceptUsage } from "../usage.ts";
import { WordIndex } from "./word_index.ts";

const log = logger("postgres");

/** All vocabularies of Athena together have fewer concepts. docs/concepts.md has the memory of an index of 7,000,000. */
const MOST_CONCEPTS = 12_000_000;
const MOST_BYTES = 16 * 1024 ** 3;
/** How long the database may take to send every concept, in ms. */
const BUILD_MS = 3_600_000;
/** How long the index waits for the counts that order it, in ms. */
const COUNTS_MS = 60_000;
/** Concepts in use that come first. */
const MOST_USED = 200_000;

/** The index of a server. */
export class IndexBuild {
  readonly #source: ConceptSource;
  readonly #usage: ConceptUsage;
  readonly #end = new AbortController();
  #index: WordIndex | undefined;
  #building: Promise<void> | undefined;
  #begun = 0;
  #complete = false;
  readonly #facets = {
    domain: new Map<string, number>(),
    vocabulary: new Map<string, number>(),
    concept_class: new Map<string, number>(),
  };

  /**
   * @param source The database.
   * @param usage Which concepts come first.
   */
  constructor(source: ConceptSource, usage: ConceptUsage) {
    this.#source = source;
    this.#usage = usage;
  }

  /** Whether it has been built. */
  get complete(): boolean {
    return this.#complete && this.#index?.ended === false;
  }

  /** Concepts that have been read. */
  get added(): number {
    return this.#index?.size ?? 0;
  }

  /** Seconds since the build began. */
  get seconds(): number {
    return this.#building === undefined ? 0 : (performance.now() - this.#begun) / 1000;
  }

  /** What has been read while it is being built, the most important concepts: standard ones in use. */
  get partial(): WordIndex | undefined {
    return this.added > 0 && this.#index?.ended === false ? this.#index : undefined;
  }

  /** The domains, vocabularies and classes of the concepts that have been read. */
  get facets(): FacetNames {
    return this.#facets;
  }

  /**
   * Starts the build unless it has begun, and waits for its end.
   *
   * @param ms The longest wait, in milliseconds; the build continues.
   * @returns The index; undefined while it is being built.
   */
  async ready(ms: number): Promise<WordIndex | undefined> {
    if (this.complete) return this.#index;
    // The worker of a complete index has failed.
    if (this.#complete) this.#reset();
    this.#building ??= this.#build();
    await within(this.#building, ms);
    return this.complete ? this.#index : undefined;
  }

  /** Stops the build, and frees the index: at once, however much its worker still has to do. */
  async close(): Promise<void> {
    this.#end.abort();
    this.#index?.close();
    await this.#building;
  }

  async #build(): Promise<void> {
    this.#begun = performance.now();
    const { signal } = this.#end;
    try {
      await this.#source.reader(signal);
      await this.#usage.ready(COUNTS_MS);
      signal.throwIfAborted();
      const start = performance.now();
      const index = this.#index = new WordIndex();
      await this.#fill(index, signal);
      await index.finish();
      this.#complete = true;
      log.info("The concepts' index is ready: {concepts} concepts in {seconds} s", {
        concepts: index.size,
        seconds: Math.round((performance.now() - start) / 1000),
      });
    } catch (error) {
      // The next search begins again.
      this.#reset();
      if (signal.aborted) return;
      log.warning("Cannot build the concepts' index: {error}", { error: errorMessage(error) });
    }
  }

  async #fill(index: WordIndex, signal: AbortSignal): Promise<void> {
    const { schema, relations } = this.#source;
    const reader = await this.#source.reader(signal);
    const pause = pacer();
    const statements = everyConcept(schema, {
      used: (await this.#usage.used(MOST_USED)).map((id) => [id, this.#usage.records(id)]),
      synonyms: relations.has("concept_synonym"),
    });
    for (const statement of statements) {
      const limits = { rows: MOST_CONCEPTS - index.size, bytes: MOST_BYTES, ms: BUILD_MS };
      await reader.stream(statement, limits, signal, (row) => {
        const concept = conceptOf(row);
        count(this.#facets.domain, concept.domain_id);
        count(this.#facets.vocabulary, concept.vocabulary_id);
        count(this.#facets.concept_class, concept.concept_class_id);
        const text = indexedText(concept, row.at(-1)?.split("\n") ?? []);
        return index.add(concept.concept_id, text) ?? pause();
      });
      await index.flush();
    }
  }

  #reset(): void {
    this.#index?.close();
    this.#index = undefined;
    this.#building = undefined;
    this.#complete = false;
    for (const facet of FACETS) this.#facets[facet].clear();
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
