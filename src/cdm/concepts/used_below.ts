/** Which descendants in use every concept has: read once, after the concepts' records are counted. */
import { errorMessage } from "../../lib/error_message.ts";
import { logger } from "../../observability/log.ts";
import { integersOf, usedDescendants } from "../../omop/concepts/mod.ts";
import { NumberLists } from "./number_lists.ts";
import { pacer } from "./pacer.ts";
import type { ConceptSource } from "./source.ts";

const log = logger("postgres");

/** Concepts in use whose ancestors one statement reads. Without an index of the descendants, each statement reads all of concept_ancestor. */
const PART = 20_000;
/** Pairs of ancestor and descendant that are kept: a concept has some dozen ancestors, and a pair takes 12 bytes. */
const MOST_PAIRS = 4_000_000;
const MOST_BYTES = 128 * 1024 * 1024;
/** How long all statements together may take, in ms. */
const READ_MS = 120_000;

/** The descendants in use of a server's CDM. */
export class UsedBelow {
  readonly #source: ConceptSource;
  readonly #most: number;
  #found: NumberLists | undefined;
  #complete = false;

  /**
   * @param source The database.
   * @param most The most pairs that are kept. @default 4,000,000
   */
  constructor(source: ConceptSource, most: number = MOST_PAIRS) {
    this.#source = source;
    this.#most = most;
  }

  /** Whether those of all concepts in use have been read, or there are none to read. */
  get complete(): boolean {
    return this.#complete || !this.#source.relations.has("concept_ancestor");
  }

  /**
   * The descendants in use of a concept: all, or the most used ones where not all are known.
   *
   * @param ancestor The concept.
   * @returns Their ids, without itself; undefined until some have been read.
   */
  of(ancestor: number): readonly number[] | undefined {
    return this.#found?.of(ancestor);
  }

  /**
   * Reads them, those of the most used concepts first, until there are too many or the time is over.
   *
   * @param used Concepts in use, the most used first.
   * @param signal Stops it.
   */
  async read(used: readonly number[], signal: AbortSignal): Promise<void> {
    const { schema, relations } = this.#source;
    if (!relations.has("concept_ancestor")) return;
    const found = new NumberLists();
    const pause = pacer();
    const end = performance.now() + READ_MS;
    let done = 0;
    try {
      const reader = await this.#source.reader(signal);
      while (done < used.length && found.size < this.#most) {
        // PostgreSQL's timeouts are whole milliseconds, and 0 is none.
        const ms = Math.floor(end - performance.now());
        if (ms < 1) break;
        const part = used.slice(done, done + PART);
        const limits = { rows: this.#most - found.size, bytes: MOST_BYTES, ms };
        await reader.stream(usedDescendants(part, schema), limits, signal, (row) => {
          const [ancestor = 0, descendant = 0] = integersOf(row);
          found.add(ancestor, descendant);
          return pause();
        });
        done += part.length;
      }
    } catch (error) {
      if (signal.aborted) return;
      log.warning("Cannot read the ancestors of all concepts in use, only {pairs}: {error}", {
        pairs: found.size,
        error: errorMessage(error),
      });
    }
    this.#complete = done >= used.length;
    // Rows of a statement that did not end are right but incomplete.
    if (found.size > 0 || this.#complete) this.#found = found;
  }
}
