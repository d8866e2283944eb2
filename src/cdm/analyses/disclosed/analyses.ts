/** Runs analyses where rows must not leave the database: their numbers are released, and statistics are computed from these. */
import { createHash } from "node:crypto";
import type { RawBuilder } from "kysely";
import { OmcpError } from "../../../errors.ts";
import {
  type AnalysisRequest,
  type AnalysisResult,
  ENTRY_ROWS,
  type Population,
  rowsAbout,
} from "../../../omop/analyses/mod.ts";
import type { PersonRows } from "../../../omop/disclosed/mod.ts";
import type { ConceptSource } from "../../concepts/source.ts";
import { type Disclosure, type DisclosureFacts, leastShown, summedFacts } from "../../disclosure/mod.ts";
import type { AnalysisOptions } from "../analyses.ts";
import { checkRequest } from "../check.ts";
import { disclosedCharacterize } from "./characterize.ts";
import type { DisclosedCall, DisclosedFound } from "./call.ts";
import { requireDisclosable } from "./check.ts";
import { disclosedIncidenceOf } from "./incidence.ts";
import { disclosedPrevalenceOf } from "./prevalence.ts";
import { disclosedSurvivalOf } from "./survival.ts";
import { disclosedTableOneOf } from "./table_one.ts";

/** How an analysis runs. It reports no progress: that would show how long each of its questions took, more finely than answers, which come in steps of time. */
export interface DisclosedAnalysisOptions extends Omit<AnalysisOptions, "progress"> {
  /** Who asks. */
  readonly principal: string;
}

/** A result, and what was released for it. */
export interface DisclosedAnalysis {
  readonly result: AnalysisResult;
  readonly facts: DisclosureFacts;
  /** Numbers that the caller may still learn. */
  readonly remaining: number;
}

/** Runs each analysis. */
const RUNNERS: Readonly<
  Record<AnalysisRequest["analysis"], (call: DisclosedCall) => Promise<DisclosedFound>>
> = {
  characterize: disclosedCharacterize,
  incidence_rate: disclosedIncidenceOf,
  prevalence: disclosedPrevalenceOf,
  survival: disclosedSurvivalOf,
  table_one: disclosedTableOneOf,
};

/** Runs analyses whose numbers may leave the database. */
export class DisclosedAnalyses {
  readonly #source: ConceptSource;
  readonly #disclosure: Disclosure;

  /**
   * @param source The database.
   * @param disclosure What may leave it.
   */
  constructor(source: ConceptSource, disclosure: Disclosure) {
    this.#source = source;
    this.#disclosure = disclosure;
  }

  /**
   * Runs an analysis.
   *
   * @param request The analysis.
   * @param options See {@link DisclosedAnalysisOptions}.
   * @throws {OmcpError} `invalid_argument`, `disclosure_not_allowed`, `concept_not_found`, `capacity`, `timeout`, `database_refused`, and
   * what `cohort` throws. What was released until then stays released.
   */
  async run(request: AnalysisRequest, options: DisclosedAnalysisOptions): Promise<DisclosedAnalysis> {
    checkRequest(request);
    requireDisclosable(request);
    const { cohort, signal } = options;
    const source = this.#source;
    const names = [request.cohort, request.comparator].filter((name) => name !== undefined);
    const cohorts = names.length === 0
      ? [{ name: "everybody", population: populationOf(source, undefined) }]
      : names.map((name) => ({ name, population: populationOf(source, cohort(name)) }));
    // Which tables there are is known once the database has been checked.
    await source.reader(signal);
    const release = new Release(this.#disclosure, options);
    const count = (population: Population, { rows, ...table }: PersonRows) =>
      release.count({ ...table, rows: rowsAbout(population, rows) });
    const persons: number[] = [];
    const derived: boolean[] = [];
    const lines: string[] = [];
    for (const { name, population } of cohorts) {
      const { cells: [cell] } = await count(population, {
        rows: ENTRY_ROWS,
        groups: [],
        values: ["records"],
      });
      if (cell === undefined) throw tooFew(name, leastShown(this.#disclosure.rules));
      persons.push(cell.persons);
      derived.push(cell.derived);
      const [entries] = cell.values;
      lines.push(
        `${name}: ${cell.persons.toLocaleString("en")} persons, entries within an observation period: ${
          entries?.toLocaleString("en") ?? "withheld"
        }${cell.derived ? " ~" : ""}.`,
      );
    }
    const [understood, { notes, ...tables }] = await RUNNERS[request.analysis]({
      request,
      source,
      signal,
      cohort,
      cohorts,
      persons,
      derived,
      rules: this.#disclosure.rules,
      count,
    });
    return { result: { understood, ...tables, notes: [...lines, ...notes] }, ...release.summary };
  }
}

function populationOf({ schema }: ConceptSource, group: RawBuilder<unknown> | undefined): Population {
  return { schema, groups: [group] };
}

function tooFew(name: string, least: number): OmcpError {
  return new OmcpError(
    "disclosure_not_allowed",
    `Cannot analyse ${name}: it has fewer than ${least} persons, or none`,
    {
      state: "Nothing of it was released.",
      next: "Widen the cohort's definition: define_cohort shows at which condition few are left.",
    },
  );
}

/** The tables of one analysis, released one after the other. */
class Release {
  readonly #disclosure: Disclosure;
  readonly #options: DisclosedAnalysisOptions;
  readonly #ends: number;
  readonly #tables: DisclosureFacts[] = [];
  #remaining = 0;

  constructor(disclosure: Disclosure, options: DisclosedAnalysisOptions) {
    this.#disclosure = disclosure;
    this.#options = options;
    this.#ends = performance.now() + options.ms;
  }

  async count(rows: PersonRows) {
    const { principal, signal, ms: all } = this.#options;
    const ms = Math.round(this.#ends - performance.now());
    if (ms <= 0) {
      throw new OmcpError("timeout", `The analysis timed out after ${all / 1000} s`, {
        state: "What was released until then is free when it is asked for again.",
        next: "Use a smaller cohort, fewer strata or fewer periods.",
      });
    }
    const table = await this.#disclosure.count(principal, rows, { ms, signal });
    this.#tables.push(table.facts);
    this.#remaining = table.remaining;
    return table;
  }

  /** What the audit records of the analysis, and what may still be asked for. */
  get summary(): { readonly facts: DisclosureFacts; readonly remaining: number } {
    const [first] = this.#tables;
    const fingerprints = this.#tables.map(({ fingerprint }) => fingerprint).join("");
    return {
      remaining: this.#remaining,
      facts: {
        fingerprint: createHash("sha256").update(fingerprints).digest("hex").slice(
          0,
          first?.fingerprint.length ?? 0,
        ),
        ...summedFacts(this.#tables),
      },
    };
  }
}
