/** What a database holds of a CDM: sizes, columns, what it says of itself, and the quality of its data. */
import { integersOf } from "../../omop/concepts/mod.ts";
import {
  aboutSource,
  boundedCounts,
  columnFacts,
  observedTime,
  rowEstimates,
} from "../../omop/description/statements.ts";
import { type ConceptSource, late, readRows } from "../concepts/source.ts";
import { dataQuality, type QualityOptions, type QualityReport } from "../quality/quality.ts";

/** Tables that seem smaller are counted. */
const EXACT_ROWS = 10_000;
/** How long a statement may take whose answer can be left out, in ms. */
const OPTIONAL_MS = 5_000;

/** How many rows a table has. */
export interface RowCount {
  readonly rows: number;
  /** `exact`: counted. `estimate`: the planner's. `more`: than were counted, and the planner has no estimate. */
  readonly by: "exact" | "estimate" | "more";
}

/** A column as the database has it. */
export interface ColumnFacts {
  readonly name: string;
  readonly type: string;
  /** The share of rows without a value, from 0 to 1; undefined without statistics. */
  readonly nulls: number | undefined;
  /** Distinct values, or as a negative number their share of the rows. */
  readonly distinct: number | undefined;
}

/** What a CDM says of itself, and when its persons are observed. */
export interface AboutCdm {
  /** A line for each source: name, release, vocabulary. */
  readonly sources: readonly (readonly string[])[];
  /** Undefined if there are no observation periods or counting them took too long. */
  readonly observed: { readonly persons: number; readonly from: string; readonly to: string } | undefined;
}

/** Describes the configured CDM. Nothing is read before the first call. */
export class CdmDescription {
  readonly #source: ConceptSource;

  /** @param source The database. */
  constructor(source: ConceptSource) {
    this.#source = source;
  }

  /**
   * Finds the CDM's tables that there are and that may be read.
   *
   * @param signal The call's.
   * @throws {OmcpError} What the check of the database throws.
   */
  async tables(signal: AbortSignal): Promise<ReadonlySet<string>> {
    await this.#source.reader(signal);
    return this.#source.relations;
  }

  /**
   * Counts or estimates rows.
   *
   * @param names Tables that there are.
   * @param signal The call's.
   * @returns Table → its rows; nothing of a table whose rows cannot be counted in time and that has no estimate.
   */
  async rows(names: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, RowCount>> {
    const { schema } = this.#source;
    const estimated = new Map(
      (await readRows(this.#source, rowEstimates(names, schema), signal)).map((
        [name, rows],
      ) => [name ?? "", Number(rows)]),
    );
    const small = names.filter((name) => (estimated.get(name) ?? -1) < EXACT_ROWS);
    const counted = small.length === 0
      ? []
      : await readRows(this.#source, boundedCounts(small, schema, EXACT_ROWS + 1), signal, OPTIONAL_MS)
        .catch(late(signal)) ?? [];
    const found = new Map<string, RowCount>(
      [...estimated].flatMap(([name, rows]) => rows < 0 ? [] : [[name, { rows, by: "estimate" }]]),
    );
    for (const [name, rows = null] of counted) {
      const [number = 0] = integersOf([rows]);
      const more = number > EXACT_ROWS;
      found.set(name ?? "", more ? { rows: EXACT_ROWS, by: "more" } : { rows: number, by: "exact" });
    }
    return found;
  }

  /**
   * Looks columns up.
   *
   * @param names Tables that there are.
   * @param signal The call's.
   * @returns Table → its columns in their order.
   */
  async columns(
    names: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, readonly ColumnFacts[]>> {
    const found = new Map<string, ColumnFacts[]>(names.map((name) => [name, []]));
    const rows = await readRows(this.#source, columnFacts(names, this.#source.schema), signal);
    for (const [table, name, type, nulls = null, distinct = null] of rows) {
      found.get(table ?? "")?.push({
        name: name ?? "",
        type: type ?? "",
        nulls: nulls === null ? undefined : Number(nulls),
        distinct: distinct === null ? undefined : Number(distinct),
      });
    }
    return found;
  }

  /**
   * Reads what the CDM says of itself.
   *
   * @param signal The call's.
   */
  async about(signal: AbortSignal): Promise<AboutCdm> {
    const { schema, relations } = this.#source;
    const sources = relations.has("cdm_source")
      ? await readRows(this.#source, aboutSource(schema), signal, OPTIONAL_MS).catch(late(signal)) ?? []
      : [];
    const [observed] = relations.has("observation_period")
      ? await readRows(this.#source, observedTime(schema), signal, OPTIONAL_MS).catch(late(signal)) ?? []
      : [];
    const [persons = null, from, to] = observed ?? [];
    return {
      sources: sources.map((values) => values.map((value) => value ?? "")),
      observed: from == null || to == null ? undefined : { persons: integersOf([persons])[0] ?? 0, from, to },
    };
  }

  /**
   * Checks the quality of the data.
   *
   * @param options What is checked, and for how long.
   */
  async quality(options: QualityOptions): Promise<QualityReport> {
    return await dataQuality(this.#source, options);
  }
}
