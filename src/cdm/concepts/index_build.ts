/** Fills the search's index from the database: once for a server, in the background, a few milliseconds at a time. */
import { errorMessage } from "../../lib/error_message.ts";
import { within } from "../../lib/async/deadline.ts";
import { logger } from "../../observability/log.ts";
import { conceptOf, everyConcept, indexedText } from "../../omop/concepts/mod.ts";
import type { ConceptSource } from "./source.ts";
import type { ConceptUsage } from "./usage.ts";
import { WordIndex } from "./word_index.ts";

const log = logger("postgres");

/** All vocabularies of Athena together have fewer concepts. An index of 7,000,000 takes 1.4 GB (docs/concepts.md). */
const MOST_CONCEPTS = 12_000_000;
const MOST_BYTES = 16 * 1024 ** 3;
/** How long the database may take to send every concept, in ms. */
const BUILD_MS = 3_600_000;
/** How long the index waits for the counts that order it, in ms. */
const COUNTS_MS = 60_000;
/** After this many milliseconds of work, others get a turn, which is as long as the pause. */
const WORK_MS = 5;
const PAUSE_MS = 2;
/** Concepts in use that come first. */
const MOST_USED = 200_000;

/** The index of a server. */
export class IndexBuild {
  readonly #source: ConceptSource;
  readonly #usage: ConceptUsage;
  readonly #end = new AbortController();
  #index: WordIndex | undefined;
  #building: Promise<void> | undefined;
  #added = 0;
  readonly #vocabularies = new Map<string, number>();

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
    return this.#index !== undefined;
  }

  /** Concepts that have been read. */
  get added(): number {
    return this.#added;
  }

  /** The vocabularies of the concepts that have been read, each with how many. */
  get vocabularies(): ReadonlyMap<string, number> {
    return this.#vocabularies;
  }

  /**
   * Starts the build unless it has begun, and waits for its end.
   *
   * @param ms The longest wait, in milliseconds; the build continues.
   * @returns The index; undefined while it is being built.
   */
  async ready(ms: number): Promise<WordIndex | undefined> {
    if (this.#index !== undefined) return this.#index;
    this.#building ??= this.#build();
    await within(this.#building, ms);
    return this.#index;
  }

  /** Stops the build, and frees the index. */
  async close(): Promise<void> {
    this.#end.abort();
    await this.#building;
    this.#index?.close();
  }

  async #build(): Promise<void> {
    const { signal } = this.#end;
    const index = new WordIndex();
    const pause = pacer();
    try {
      const reader = await this.#source.reader(signal);
      await this.#usage.ready(COUNTS_MS);
      const start = performance.now();
      const { schema, relations } = this.#source;
      const used = this.#usage.used(MOST_USED);
      const statement = everyConcept(schema, {
        used: used.map((id) => [id, this.#usage.records(id)]),
        synonyms: relations.has("concept_synonym"),
      });
      const limits = { rows: MOST_CONCEPTS, bytes: MOST_BYTES, ms: BUILD_MS };
      await reader.stream(statement, limits, signal, (row) => {
        const concept = conceptOf(row);
        index.add(concept.concept_id, indexedText(concept, row.at(-1)?.split("\n") ?? []));
        this.#added = index.size;
        const { vocabulary_id } = concept;
        this.#vocabularies.set(vocabulary_id, (this.#vocabularies.get(vocabulary_id) ?? 0) + 1);
        return pause();
      });
      await index.finish(async () => await pause());
      if (signal.aborted) return index.close();
      this.#index = index;
      log.info("The concepts' index is ready: {concepts} concepts in {seconds} s", {
        concepts: index.size,
        seconds: Math.round((performance.now() - start) / 1000),
      });
    } catch (error) {
      index.close();
      // The next search begins again.
      this.#building = undefined;
      this.#added = 0;
      this.#vocabularies.clear();
      if (signal.aborted) return;
      log.warning("Cannot build the concepts' index: {error}", { error: errorMessage(error) });
    }
  }
}

/** Makes a function that gives others a turn after some milliseconds of work; undefined means to go on at once. */
function pacer(): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < WORK_MS) return undefined;
    return new Promise((resolve) =>
      setTimeout(() => {
        since = performance.now();
        resolve();
      }, PAUSE_MS)
    );
  };
}
