import { quoteIdentifier } from "../../lib/sql.ts";
import type { AdminSession } from "./admin_session.ts";

/** Characters of COPY text that are sent at a time; twice as much is held at most, however long the table. */
const BATCH_CHARACTERS = 2 * 1024 * 1024;

/** What {@link TableWriter} writes to. */
export interface TableWriterOptions<Origin> {
  readonly session: AdminSession;
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly string[];
  /** Told of each row that the database did not take although it was checked. */
  readonly onRefused: (origin: Origin, sqlstate: string) => void;
}

interface Line<Origin> {
  readonly text: string;
  readonly origin: Origin;
}

/**
 * Copies rows into one table, a batch at a time, the next one being filled meanwhile. A batch the database does not take is halved
 * until the row at fault is found: one bad row never costs another.
 */
export class TableWriter<Origin> {
  readonly #options: TableWriterOptions<Origin>;
  readonly #copy: string;
  readonly #encoder = new TextEncoder();
  #lines: Line<Origin>[] = [];
  #characters = 0;
  #sending: Promise<void> = Promise.resolve();
  #loaded = 0;

  /** @param options Where to. */
  constructor(options: TableWriterOptions<Origin>) {
    this.#options = options;
    const columns = options.columns.map(quoteIdentifier).join(", ");
    this.#copy = `COPY ${quoteIdentifier(options.schema)}.${
      quoteIdentifier(options.table)
    } (${columns}) FROM STDIN`;
  }

  /** Rows that are in the table. */
  get loaded(): number {
    return this.#loaded;
  }

  /**
   * Adds a row.
   *
   * @param text A line of COPY text without its line break.
   * @param origin Where it came from.
   * @returns A promise to wait for where a batch is full.
   */
  add(text: string, origin: Origin): Promise<void> | undefined {
    this.#lines.push({ text, origin });
    this.#characters += text.length;
    return this.#characters < BATCH_CHARACTERS ? undefined : this.#next();
  }

  /** Sends what is left and waits until all is in. */
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
    // Its failure is met by whoever waits for it next.
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
