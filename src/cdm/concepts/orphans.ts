/** Rows of people who have no row in the CDM's table person: a count of persons, or their time, includes them. */
import { within } from "../../lib/async/deadline.ts";
import { counted } from "../../lib/counted.ts";
import { errorMessage } from "../../lib/error_message.ts";
import { logger } from "../../observability/log.ts";
import { integersOf, rowsOfNobody } from "../../omop/concepts/mod.ts";
import { type ConceptSource, readRows } from "./source.ts";

const log = logger("postgres");

/** How long an answer waits for the count, in ms; the count continues, for the next answer. */
const WAIT_MS = 1_000;
/** How long one table may take, in ms. */
const TABLE_MS = 120_000;

const NO_LINE: Promise<readonly string[]> = Promise.resolve([]);
const FILTER = 'For that, add {"column": "person.person_id", "op": "is not null"} to filters.';

/** The counts of a server: each table is counted once, when it is first asked for. */
export class Orphans {
  readonly #source: ConceptSource;
  readonly #end = new AbortController();
  readonly #lines = new Map<string, Promise<readonly string[]>>();

  /** @param source The database. */
  constructor(source: ConceptSource) {
    this.#source = source;
  }

  /**
   * Counts a table's orphans unless that has begun, such as while the query runs whose answer needs them.
   *
   * @param table A table with `person_id`.
   */
  begin(table: string): void {
    const { relations } = this.#source;
    if (this.#lines.has(table) || !relations.has(table) || !relations.has("person")) return;
    this.#lines.set(table, this.#count(table));
  }

  /**
   * What an answer says of a table's orphans.
   *
   * @param table A table with `person_id`.
   * @param remedy What leaves them out. @default a filter of query_omop
   * @returns A line with their number; none if there are none or they are not counted yet.
   */
  async note(table: string, remedy: string = FILTER): Promise<readonly string[]> {
    this.begin(table);
    return (await within(this.#lines.get(table) ?? NO_LINE, WAIT_MS) ?? []).map((one) => `${one} ${remedy}`);
  }

  /** Stops counting. */
  async close(): Promise<void> {
    this.#end.abort();
    await Promise.all(this.#lines.values());
  }

  async #count(table: string): Promise<readonly string[]> {
    try {
      const statement = rowsOfNobody(table, this.#source.schema);
      const [row] = await readRows(this.#source, statement, this.#end.signal, TABLE_MS);
      const [rows = 0, people = 0] = row === undefined ? [] : integersOf(row);
      if (rows === 0) return [];
      return [
        `Warning: person lacks ${counted(people, "id")} that ${
          counted(rows, "row")
        } of ${table} have; they count unless a condition leaves them out.`,
      ];
    } catch (error) {
      if (this.#end.signal.aborted) return [];
      log.warning("Cannot count the rows without a person in {table}: {error}", {
        table,
        error: errorMessage(error),
      });
      this.#lines.delete(table);
      return [];
    }
  }
}
