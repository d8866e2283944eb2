/** Runs analyses on the configured CDM. */
import type { RawBuilder } from "kysely";
import { OmcpError } from "../../errors.ts";
import type { AnalysisRequest, AnalysisResult } from "../../omop/analyses/mod.ts";
import { type Call, type Found, Rows } from "./call.ts";
import { characterize } from "./characterize.ts";
import { checkRequest } from "./check.ts";
import { prevalence } from "./prevalence.ts";
import { tableOne } from "./table_one.ts";
import { incidence, survival } from "./time_at_risk.ts";
import { countPopulation } from "./population.ts";
import type { ConceptSource } from "../concepts/source.ts";

/** How an analysis runs. */
export interface AnalysisOptions {
  /** Finds a cohort of the caller by name: a SELECT of person_id, cohort_start_date and cohort_end_date. */
  readonly cohort: (name: string) => RawBuilder<unknown>;
  /** Milliseconds that it may take. */
  readonly ms: number;
  readonly signal: AbortSignal;
  readonly progress: (message: string) => void;
}

/** Runs each analysis. */
const RUNNERS: Readonly<Record<AnalysisRequest["analysis"], (call: Call) => Promise<Found>>> = {
  incidence_rate: incidence,
  survival,
  table_one: tableOne,
  characterize,
  prevalence,
};

/** Runs analyses. Nothing is read before the first call. */
export class CdmAnalyses {
  readonly #source: ConceptSource;

  /** @param source The database. */
  constructor(source: ConceptSource) {
    this.#source = source;
  }

  /**
   * Runs an analysis on sessions of the server's own: the database counts, and nothing about one person is read.
   *
   * @param request The analysis.
   * @param options See {@link AnalysisOptions}.
   * @throws {OmcpError} `invalid_argument`, `concept_not_found`, `timeout`, `database_refused`, and what `cohort` throws.
   */
  async run(request: AnalysisRequest, options: AnalysisOptions): Promise<AnalysisResult> {
    checkRequest(request);
    const { cohort, ms, signal, progress } = options;
    const names = [request.cohort, request.comparator].filter((name) => name !== undefined);
    const source = this.#source;
    // The tables that there are, are known once the database has been checked.
    await source.reader(signal);
    const groups = {
      rows: new Rows(source, ms, signal),
      population: { schema: source.schema, groups: names.length === 0 ? [undefined] : names.map(cohort) },
      cohorts: names.length === 0 ? ["everybody"] : names,
    };
    progress("counting the population");
    const { lines, persons, days } = await countPopulation(groups);
    if (days === undefined) {
      throw new OmcpError(
        "invalid_argument",
        `Cannot analyse ${groups.cohorts.join(" and ")}: nobody is in it`,
        {
          state: lines.join(" "),
          next: "Widen the cohort's definition: define_cohort shows at which rule nobody is left.",
        },
      );
    }
    const call: Call = { request, source, cohort, persons, days, progress, ...groups };
    const [understood, { notes, ...tables }] = await RUNNERS[request.analysis](call);
    return { understood, ...tables, notes: [...lines, ...notes] };
  }
}
