import { qualifiedName, quoteIdentifier } from "../../lib/sql.ts";
import type { AdminSession } from "./admin_session.ts";

/** Characters of COPY text per batch. At most two batches are in memory. */
const BATCH_CHARACTERS = 2 * 1024 * 1024;

/** Where {@link TableWriter} writes. */
export interface TableWriterOptions<Origin> {
  readonly session: AdminSession;
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly string[];
  /** Called for each row that passed the loader's checks and that the database refuses. */
  readonly onRefused: (origin: Origin, sqlstate: string) => void;
}

interface Line<Origin> {
  readonly text: string;
  readonly origin: Origin;
}

/**
 * Copies rows into one table in batches; it fills the next batch while it sends one. It halves a batch that the database refuses
 * until only the bad rows are left, so that a bad row does not reject any other row.
 */
export class TableWriter<Origin> {
  readonly #options: TableWriterOptions<Origin>;
  readonly #copy: string;
  readonly #encoder = new TextEncoder();
  #lines: Line<Origin>[] = [];
  #characters = 0;
  #sending: Promise<void> = Promise.resolve();
  #loaded = 0;

  /** @param options Session, table and columns. */
  constructor(options: TableWriterOptions<Origin>) {
    this.#options = options;
    const columns = options.columns.map(quoteIdentifier).join(", ");
    this.#copy = `COPY ${qualifiedName(options.schema, options.table)} (${columns}) FROM STDIN`;
  }

  /** Rows that were copied. */
  get loaded(): number {
    return this.#loaded;
  }

  /**
   * Adds a row.
   *
   * @param text A line of COPY text without its line break.
   * @param origin What `onRefused` receives if the database refuses the row.
   * @returns A promise to await if a batch is full.
   */
  add(text: string, origin: Origin): Promise<void> | undefined {
    this.#lines.push({ text, origin });
    this.#characters += text.length;
    return this.#characters < BATCH_CHARACTERS ? undefined : this.#next();
  }

  /** Sends the last batch and waits until all rows are copied. */
  async end(): Promise<void> {
    await this.#next();
    await this.#sending;
  }

  async #next(): Promise<void> {
    await this.#sending;
    const lines = this.#lines;
    this.#lines = [];
    this.#characters = 0;
    this.#sending = this.#send(lines);
    // The next wait reports its failure.
    this.#sending.catch(function later() {});
  }

  async #send(lines: readonly Line<Origin>[]): Promise<void> {
    const [first] = lines;
    if (first === undefined) return;
    const data = this.#encoder.encode(lines.map(({ text }) => `${text}\n`).join(""));
    const sqlstate = await this.#options.session.copy(this.#copy, data);
    if (sqlstate === undefined) {
      this.#loaded += lines.length;
    } else if (lines.length === 1) {
      this.#options.onRefused(first.origin, sqlstate);
    } else {
      const middle = Math.ceil(lines.length / 2);
      await this.#send(lines.slice(0, middle));
      await this.#send(lines.slice(middle));
    }
  }
}
