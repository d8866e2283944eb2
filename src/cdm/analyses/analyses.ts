/** Runs analyses on the configured CDM. */
import type { RawBuilder } from "kysely";
import {
  analysed,
  type AnalysisRequest,
  type AnalysisResult,
  populationCounts,
} from "../../omop/analyses/mod.ts";
import { type Call, type Plan, Rows } from "./call.ts";
import { characterize } from "./characterize.ts";
import { checkRequest } from "./check.ts";
import { prevalence } from "./prevalence.ts";
import { tableOne } from "./table_one.ts";
import { incidence, survival } from "./time_at_risk.ts";
import { populationOf } from "./population.ts";
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

/** Plans each analysis. */
const PLANNERS: Readonly<Record<AnalysisRequest["analysis"], (call: Call) => Promise<Plan>>> = {
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
   * Runs an analysis on sessions of the server's own: the database counts, by one statement that evaluates the cohort once, and nothing
   * about one person is read.
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
    // Which tables there are is known once the database has been checked.
    await source.reader(signal);
    const groups = names.length === 0 ? [undefined] : names.map(cohort);
    const call: Call = {
      request,
      source,
      cohort,
      progress,
      signal,
      rows: new Rows(source, ms, signal),
      analysed: analysed({ schema: source.schema, groups }),
      cohorts: names.length === 0 ? ["everybody"] : names,
    };
    const { shared = [], counts, finish } = await PLANNERS[request.analysis](call);
    progress("counting persons");
    const [population = [], ...found] = await call.rows.read([call.analysed, ...shared], [
      populationCounts(),
      ...counts,
    ]);
    const { lines, persons } = populationOf(call.cohorts, population);
    progress("making statistics of the counts");
    const [understood, { notes, ...tables }] = await finish(found, persons);
    return { understood, ...tables, notes: [...lines, ...notes] };
  }
}
