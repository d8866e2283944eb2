/** The concepts of the configured CDM, as tools use them. */
import type { ConceptSet } from "../../omop/concepts/mod.ts";
import { type ExpandedSet, expandSet } from "./expand.ts";
import type { ConceptSource } from "./source.ts";
import { ConceptUsage } from "./usage.ts";

/** Ids in use that order the members of a set. */
const ORDERING_IDS = 20_000;
/** How long a call waits for the counts. */
const COUNTS_WAIT_MS = 2_000;

/** Looks concepts up. Nothing is read before the first call. */
export class CdmConcepts {
  /** How often concepts occur. */
  readonly usage: ConceptUsage;
  readonly #source: ConceptSource;

  /** @param source The database. */
  constructor(source: ConceptSource) {
    this.#source = source;
    this.usage = new ConceptUsage(source);
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
    await this.usage.close();
  }
}
