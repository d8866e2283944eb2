/** Which descendants in use every concept has: read once, after the concepts' records are counted. */
import { errorMessage } from "../../lib/error_message.ts";
import { logger } from "../../observability/log.ts";
import { integersOf, usedDescendants } from "../../omop/concepts/mod.ts";
import type { ConceptSource } from "./source.ts";

const log = logger("postgres");

/** Concepts in use that are looked for: the most used ones. */
const MOST_USED = 20_000;
/** A concept has some dozen ancestors; all of these rows take 30 MB. */
const LIMITS = { rows: 1_000_000, bytes: 64 * 1024 * 1024, ms: 120_000 };

/** The descendants in use of a server's CDM. */
export class UsedBelow {
  readonly #source: ConceptSource;
  #found: ReadonlyMap<number, readonly number[]> | undefined;

  /** @param source The database. */
  constructor(source: ConceptSource) {
    this.#source = source;
  }

  /** Whether they have been read, or there are none to read. */
  get complete(): boolean {
    return this.#found !== undefined || !this.#source.relations.has("concept_ancestor");
  }

  /**
   * The descendants in use of a concept.
   *
   * @param ancestor The concept.
   * @returns Their ids, without itself; undefined until they have been read.
   */
  of(ancestor: number): readonly number[] | undefined {
    return this.#found === undefined ? undefined : this.#found.get(ancestor) ?? [];
  }

  /**
   * Reads them. What cannot be read remains undefined.
   *
   * @param used Concepts in use, the most used first.
   * @param signal Stops it.
   */
  async read(used: readonly number[], signal: AbortSignal): Promise<void> {
    const { schema, relations } = this.#source;
    if (!relations.has("concept_ancestor")) return;
    const found = new Map<number, number[]>();
    try {
      const reader = await this.#source.reader(signal);
      await reader.stream(usedDescendants(used.slice(0, MOST_USED), schema), LIMITS, signal, (row) => {
        const [ancestor = 0, descendant = 0] = integersOf(row);
        const known = found.get(ancestor);
        if (known === undefined) found.set(ancestor, [descendant]);
        else known.push(descendant);
      });
      this.#found = found;
    } catch (error) {
      if (signal.aborted) return;
      log.warning("Cannot read the ancestors of concepts in use: {error}", { error: errorMessage(error) });
    }
  }
}
