/** What the parts of one analysis share. */
import type { RawBuilder } from "kysely";
import { OmcpError } from "../../errors.ts";
import {
  type AnalysisRequest,
  type Counts,
  type Outcome,
  type ResultTables,
  together,
} from "../../omop/analyses/mod.ts";
import { type ConceptSet, namedConcepts } from "../../omop/concepts/mod.ts";
import { statement } from "../../omop/sql_compiler.ts";
import type { TextRow } from "../../postgres/mod.ts";
import { conceptMap, knownConcepts } from "../concepts/known.ts";
import type { ConceptSource } from "../concepts/source.ts";

/** One analysis. */
export interface Call {
  readonly request: AnalysisRequest;
  readonly source: ConceptSource;
  /** Ends the call. */
  readonly signal: AbortSignal;
  readonly rows: Rows;
  /** Finds a cohort by name. */
  readonly cohort: (name: string) => RawBuilder<unknown>;
  /** Who is analysed, as what all counts share. */
  readonly analysed: RawBuilder<unknown>;
  /** The names of the population's groups. */
  readonly cohorts: readonly string[];
  readonly progress: (message: string) => void;
}

/** What an analysis counts, and what it makes of the counts. */
export interface Plan {
  /** Common table expressions that the counts share besides {@link Call.analysed}. */
  readonly shared?: readonly RawBuilder<unknown>[];
  readonly counts: readonly Counts[];
  /**
   * Makes the result.
   *
   * @param found The rows of each of `counts`.
   * @param persons Persons of each group.
   */
  readonly finish: (
    found: readonly (readonly TextRow[])[],
    persons: readonly number[],
  ) => Found | Promise<Found>;
}

/** What an analysis finds: its assumptions in a line, and its tables. */
export type Found = readonly [understood: string, tables: ResultTables];

/** Counts by day and group may have many rows, all of them small. */
const LIMITS = { rows: 400_000, bytes: 64 * 1024 * 1024 };

/** Reads counts within one call's time. */
export class Rows {
  readonly #source: ConceptSource;
  readonly #ends: number;
  readonly #ms: number;
  readonly signal: AbortSignal;

  constructor(source: ConceptSource, ms: number, signal: AbortSignal) {
    this.#source = source;
    this.#ms = ms;
    this.#ends = performance.now() + ms;
    this.signal = signal;
  }

  /**
   * Counts, by one statement.
   *
   * @param shared Common table expressions that the counts share.
   * @param counts What is counted.
   * @returns The rows of each.
   * @throws {OmcpError} `timeout` when the call's time is over.
   */
  async read(
    shared: readonly RawBuilder<unknown>[],
    counts: readonly Counts[],
  ): Promise<readonly (readonly TextRow[])[]> {
    const ms = Math.round(this.#ends - performance.now());
    if (ms <= 0) {
      throw new OmcpError("timeout", `The analysis timed out after ${this.#ms / 1000} s`, {
        state: "Nothing was changed.",
        next: "Use a smaller cohort, fewer strata or fewer periods.",
      });
    }
    const reader = await this.#source.reader(this.signal);
    const rows = await reader.read(statement(together(shared, counts)), { ...LIMITS, ms }, this.signal);
    const found = counts.map((): TextRow[] => []);
    for (const [result = null, ...row] of rows) {
      found[Number(result)]?.push(row.slice(0, counts[Number(result)]?.columns));
    }
    return found;
  }

  /**
   * The names of concepts.
   *
   * @param ids Their ids.
   */
  async names(ids: Iterable<number>): Promise<ReadonlyMap<number, string>> {
    const known = await conceptMap(this.#source, [...new Set(ids)], this.signal);
    return new Map([...known].map(([id, { concept_name }]) => [id, concept_name]));
  }
}

/** A concept set in words, and what is wrong with it. */
export interface NamedSet {
  readonly words: string;
  readonly warnings: readonly string[];
}

/** Concepts of a set that are named. */
const NAMED = 3;

/**
 * Checks the concepts of a set.
 *
 * @param call The call.
 * @param set The set.
 * @throws {OmcpError} `concept_not_found` if the CDM lacks one.
 */
export async function namedSet(
  { source, signal }: Pick<Call, "source" | "signal">,
  set: ConceptSet,
): Promise<NamedSet> {
  const ids = namedConcepts(set);
  const known = await knownConcepts(source, ids, signal);
  const shown = set.items.slice(0, NAMED).map(({ concept_id, include_descendants, exclude }) =>
    `${exclude === true ? "without " : ""}${concept_id} ${known.get(concept_id)?.concept_name ?? ""}${
      include_descendants === true ? " with descendants" : ""
    }`
  );
  return {
    words: `${shown.join(", ")}${set.items.length > NAMED ? ` and ${set.items.length - NAMED} more` : ""}`,
    warnings: [...known.values()].filter(({ standard_concept }) => standard_concept === null).map((
      { concept_id, concept_name },
    ) =>
      `Warning: ${concept_id} ${concept_name} is not standard: standard columns do not hold it. get_concept shows what it maps to.`
    ),
  };
}

/** The outcome of an analysis, and its words. */
export interface NamedOutcome extends NamedSet {
  readonly outcome: Outcome;
}

/**
 * Finds the outcome of an analysis.
 *
 * @param call The call; its request has an outcome, see `checkRequest`.
 */
export async function outcomeOf(
  call: Pick<Call, "request" | "source" | "signal" | "cohort">,
): Promise<NamedOutcome> {
  const { cohort, items } = call.request.outcome ?? {};
  if (cohort !== undefined) {
    return {
      outcome: { kind: "cohort", select: call.cohort(cohort) },
      words: `entry into cohort ${cohort}`,
      warnings: [],
    };
  }
  if (items === undefined && !call.source.relations.has("death")) {
    throw new OmcpError(
      "invalid_argument",
      "Cannot use death as outcome: this CDM has no table death that can be read",
      {
        next: "Use a concept set or a cohort.",
      },
    );
  }
  if (items === undefined) return { outcome: { kind: "death" }, words: "death", warnings: [] };
  const { words, warnings } = await namedSet(call, { items });
  return { outcome: { kind: "events", set: { items } }, words: `a record of ${words}`, warnings };
}
