/** How often each concept occurs in the CDM's records: counted once, in the background, after the first tool that shows it. */
import { OmcpError } from "../../errors.ts";
import { within } from "../../lib/async/deadline.ts";
import { errorMessage } from "../../lib/error_message.ts";
import { logger } from "../../observability/log.ts";
import { integersOf, type UsageColumn, usageColumns, usageCounts } from "../../omop/concepts/mod.ts";
import type { TextRow } from "../../postgres/mod.ts";
import { ordered } from "./order.ts";
import { pacer } from "./pacer.ts";
import type { ConceptSource } from "./source.ts";
import { UsedBelow } from "./used_below.ts";

const log = logger("postgres");

/** Occurrences of a concept in one column. */
export interface Occurrences extends UsageColumn {
  readonly records: number;
  /** Distinct persons with one. */
  readonly persons: number;
}

/** What is counted of one concept. */
interface Counted {
  readonly columns: Occurrences[];
  /** Records of standard columns, undefined if none has it; summed while counting, because a sum for each call would be one for each of 100,000 concepts. */
  standard: number | undefined;
  /** Records of columns of source concepts. */
  source: number;
}

/** What may be shown of counts where rows must not leave the database. */
export interface ShownCounts {
  /** Concepts of fewer persons count as not recorded. */
  readonly leastPersons: number;
  readonly round: (count: number) => number;
}

/** Concepts that are kept of one column. */
const MOST_CONCEPTS = 200_000;
/** How long one column may take, in ms. */
const COLUMN_MS = 120_000;

/** The counts of a server. */
export class ConceptUsage {
  readonly #source: ConceptSource;
  readonly #found = new Map<number, Counted>();
  readonly #end = new AbortController();
  readonly #failed: UsageColumn[] = [];
  #counting: Promise<void> | undefined;
  #done = false;
  /** All ids in use, once all are counted. */
  #ordered: readonly number[] | undefined;
  #ordering: Promise<readonly number[]> | undefined;

  readonly #shown: ShownCounts | undefined;

  /** Descendants in use, which are read when every column has been counted. */
  readonly below: UsedBelow;

  /**
   * @param source The database.
   * @param shown What may be shown of counts. @default all
   */
  constructor(source: ConceptSource, shown?: ShownCounts) {
    this.#source = source;
    this.#shown = shown;
    this.below = new UsedBelow(source);
  }

  /** The fewest persons of a concept that counts as recorded; undefined if every record counts. */
  get leastPersons(): number | undefined {
    return this.#shown?.leastPersons;
  }

  /** Whether every column has been counted, or could not be. */
  get done(): boolean {
    return this.#done;
  }

  /** Whether a concept without counts has no record: every column is counted, descendants are known, and concepts of few persons are counted, too. */
  get knowsAll(): boolean {
    return this.#done && this.#failed.length === 0 && this.below.complete && this.#shown === undefined;
  }

  /** Columns that could not be counted. */
  get failed(): readonly UsageColumn[] {
    return this.#failed;
  }

  /**
   * Starts counting unless that has begun, and waits for its end.
   *
   * @param ms The longest wait, in milliseconds; the counting continues.
   */
  async ready(ms: number): Promise<void> {
    this.#counting ??= this.#count();
    if (!this.#done && ms > 0) await within(this.#counting, ms);
  }

  /**
   * Where a concept occurs, as far as it has been counted.
   *
   * @param id The concept.
   * @returns Standard columns that have the concept, else columns of source concepts. The latter are not added to the former, because a record
   * whose source uses standard concepts names the concept in both.
   */
  of(id: number): readonly Occurrences[] {
    const all = this.everywhere(id);
    const standard = all.filter(({ source }) => !source);
    return standard.length > 0 ? standard : all;
  }

  /**
   * All columns in which a concept occurs, as far as they are counted.
   *
   * @param id The concept.
   */
  everywhere(id: number): readonly Occurrences[] {
    return this.#found.get(id)?.columns ?? [];
  }

  /**
   * A concept's records, as far as they are counted.
   *
   * @param id The concept.
   * @returns Those of standard columns; for a concept that no standard column has, those that have it as the source's concept.
   */
  records(id: number): number {
    const counted = this.#found.get(id);
    return counted?.standard ?? counted?.source ?? 0;
  }

  /**
   * Orders concepts.
   *
   * @param ids The concepts.
   * @returns Each with its {@link records}, the most records first.
   */
  async byRecords(ids: readonly number[]): Promise<readonly (readonly [id: number, records: number])[]> {
    const counted = ids.map((id) => [id, this.records(id)] as const);
    return await ordered(counted, ([, left], [, right]) => right - left);
  }

  /**
   * Concepts in use.
   *
   * @param limit The most ids.
   * @returns Ids, the most records first.
   */
  async used(limit: number): Promise<readonly number[]> {
    const ids = this.#ordered ??
      await (this.#ordering ??= this.#order().finally(() => this.#ordering = undefined));
    return ids.slice(0, limit);
  }

  /** Stops counting. */
  async close(): Promise<void> {
    this.#end.abort();
    await this.#counting;
  }

  async #count(): Promise<void> {
    const { schema, version } = this.#source;
    try {
      const reader = await this.#source.reader(this.#end.signal);
      const pause = pacer();
      const columns = usageColumns(version).filter(({ table }) => this.#source.relations.has(table));
      for (const column of columns) {
        if (this.#end.signal.aborted) return;
        try {
          const limits = { rows: MOST_CONCEPTS, bytes: 64 * 1024 * 1024, ms: COLUMN_MS };
          await reader.stream(usageCounts(column, schema, MOST_CONCEPTS), limits, this.#end.signal, (row) => {
            this.#addRow(column, row);
            return pause();
          });
        } catch (error) {
          if (error instanceof OmcpError && error.code === "database_unavailable") throw error;
          this.#failed.push(column);
          this.#report(error, `${column.table}.${column.column}`);
        }
      }
      this.#ordered = await this.#order();
      await this.below.read(this.#ordered, this.#end.signal);
      this.#done = true;
    } catch (error) {
      // Without the database, the next call counts from the start.
      this.#counting = undefined;
      this.#found.clear();
      this.#ordered = undefined;
      this.#failed.length = 0;
      this.#report(error, "all columns");
    }
  }

  async #order(): Promise<readonly number[]> {
    return (await this.byRecords([...this.#found.keys()])).map(([id]) => id);
  }

  #addRow(column: UsageColumn, row: TextRow): void {
    const [id = 0, records = 0, persons = 0] = integersOf(row);
    if (this.#shown === undefined) return this.#add(id, { ...column, records, persons });
    if (persons < this.#shown.leastPersons) return;
    const { round } = this.#shown;
    this.#add(id, { ...column, records: round(records), persons: round(persons) });
  }

  #add(id: number, occurrences: Occurrences): void {
    const counted = this.#found.get(id) ?? { columns: [], standard: undefined, source: 0 };
    counted.columns.push(occurrences);
    if (occurrences.source) counted.source += occurrences.records;
    else counted.standard = (counted.standard ?? 0) + occurrences.records;
    this.#found.set(id, counted);
  }

  #report(error: unknown, what: string): void {
    if (this.#end.signal.aborted) return;
    log.warning("Cannot count the concepts of {what}: {error}", { what, error: errorMessage(error) });
  }
}
