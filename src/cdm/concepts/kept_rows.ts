/** Rows of concepts that the server has read, so that a query which names a known one waits for no look-up. */
import type { Concept } from "../../omop/concepts/mod.ts";
import type { ConceptSource } from "./source.ts";

/** The most entries of each kind: a concept takes some 500 bytes. */
const MOST = 10_000;

/** The newest entries, up to a number. */
export class Newest<V> {
  readonly #entries = new Map<number, V>();
  readonly #most: number;

  /** @param most How many are kept. */
  constructor(most: number = MOST) {
    this.#most = most;
  }

  /**
   * Finds an entry.
   *
   * @param id Its id.
   */
  get(id: number): V | undefined {
    return this.#entries.get(id);
  }

  /**
   * Adds an entry. The oldest one goes if there are too many.
   *
   * @param id Its id.
   * @param value The entry.
   */
  add(id: number, value: V): void {
    this.#entries.set(id, value);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.#most && oldest !== undefined) this.#entries.delete(oldest);
  }
}

/** What is kept of one database. Concepts that it lacks are not: each question for one reads again. */
export interface KeptRows {
  readonly concepts: Newest<Concept>;
  /** What concepts map to, themselves left out; empty for one that maps to nothing. */
  readonly targets: Newest<readonly Concept[]>;
}

const kept = new WeakMap<ConceptSource, KeptRows>();

/**
 * What is kept of a database, until its CDM is loaded again or the server ends.
 *
 * @param source The database.
 */
export function keptRows(source: ConceptSource): KeptRows {
  const known = kept.get(source) ??
    { concepts: new Newest<Concept>(), targets: new Newest<readonly Concept[]>() };
  kept.set(source, known);
  return known;
}

/**
 * Drops what is kept of a database.
 *
 * @param source The database.
 */
export function forgetRows(source: ConceptSource): void {
  kept.delete(source);
}
