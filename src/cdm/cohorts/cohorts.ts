/** The cohorts of the configured CDM, as tools use them. */
import { type Concept, integersOf, namedConcepts } from "../../omop/concepts/mod.ts";
import {
  allRules,
  type Attrition,
  cohortAttrition,
  type CohortExpression,
  cohortSize,
  eventsOf,
} from "../../omop/cohorts/mod.ts";
import type { PersonSet } from "../../omop/query/mod.ts";
import { conceptMap } from "../concepts/known.ts";
import { type ConceptSource, readRows } from "../concepts/source.ts";
import { CohortStore } from "./store.ts";

/** What is left after a step. */
export interface AttritionCount {
  /** What the step keeps. */
  readonly label: string;
  readonly persons: number;
  /** Events; in the last step, the cohort's periods. */
  readonly rows: number;
  /** The first and last start, YYYY-MM-DD; undefined without rows. */
  readonly starts: readonly [string, string] | undefined;
  /** Days from start to end of all rows, as FeatureExtraction counts time in cohort: 0 if both are one day. */
  readonly days: number;
}

/** Holds cohorts, and counts them in the database. */
export class CdmCohorts extends CohortStore {
  readonly #source: ConceptSource;

  /** @param source The database. */
  constructor(source: ConceptSource) {
    super();
    this.#source = source;
  }

  /**
   * Counts who is left after each step of a definition.
   *
   * @param expression The definition.
   * @param signal The call's.
   * @param ms Milliseconds that it may take.
   * @returns The steps; the last one is the cohort itself.
   * @throws {OmcpError} `timeout`, `database_refused`, `database_unavailable`.
   */
  async attrition(
    expression: CohortExpression,
    signal: AbortSignal,
    ms: number,
  ): Promise<readonly AttritionCount[]> {
    return await this.#counted(cohortAttrition(expression, this.#source.schema), signal, ms);
  }

  /**
   * Counts the persons of a query's result.
   *
   * @param persons The persons.
   * @param signal The call's.
   * @param ms Milliseconds that it may take.
   * @returns One step: the cohort itself.
   * @throws {OmcpError} As {@link attrition}.
   */
  async size({ rows }: PersonSet, signal: AbortSignal, ms: number): Promise<readonly AttritionCount[]> {
    return await this.#counted(cohortSize(rows), signal, ms);
  }

  async #counted(
    { statement, labels }: Attrition,
    signal: AbortSignal,
    ms: number,
  ): Promise<readonly AttritionCount[]> {
    const rows = await readRows(this.#source, statement, signal, ms);
    return rows.map(([_step, persons = null, count = null, first, last, days = null], at) => {
      const [people = 0, events = 0, length = 0] = integersOf([persons, count, days ?? "0"]);
      return {
        label: labels[at] ?? "",
        persons: people,
        rows: events,
        starts: typeof first === "string" && typeof last === "string" ? [first, last] : undefined,
        days: length,
      };
    });
  }

  /**
   * The concepts that a definition names, as far as the CDM has them.
   *
   * @param expression The definition.
   * @param signal The call's.
   * @returns Each by its id.
   */
  async named(expression: CohortExpression, signal: AbortSignal): Promise<ReadonlyMap<number, Concept>> {
    const { exit, rules } = expression;
    const sets = eventsOf(expression).flatMap(({ concepts }) => concepts === undefined ? [] : [concepts]);
    if (exit.kind === "drug era") sets.push(exit.concepts);
    const ids = [
      ...sets.flatMap(namedConcepts),
      ...allRules(rules).flatMap((rule) => rule.kind === "sex" ? [rule.concept] : []),
    ];
    return await conceptMap(this.#source, [...new Set(ids)], signal);
  }
}
