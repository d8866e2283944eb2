import { dirname } from "node:path";
import type { CsvRecord } from "./csv.ts";
import type { Rejection } from "./row_reader.ts";

/** Rows of one table that were rejected for the same reason. */
export interface RejectCount {
  /** The column with the error; undefined if it concerns the whole row. */
  readonly column: string | undefined;
  /** Why, without any value. */
  readonly reason: string;
  /** How many. */
  readonly rows: number;
  /** The lines at which the first of them begin. */
  readonly lines: readonly number[];
}

const EXAMPLES = 3;
const FLUSH_CHARACTERS = 64 * 1024;

/** Counts the rejected rows of one table and, on request, writes them to a file. The counts hold no patient's data; the file does. */
export class Rejects {
  readonly #path: string | undefined;
  readonly #header: readonly string[];
  readonly #counts = new Map<
    string,
    { column: string | undefined; reason: string; rows: number; lines: number[] }
  >();
  #file: Deno.FsFile | undefined;
  #text = "";
  #rows = 0;

  /**
   * @param header The file's header.
   * @param path The CSV file for the rows, created at the first one; if absent, rows are only counted.
   */
  constructor(header: readonly string[], path?: string) {
    this.#header = header;
    this.#path = path;
  }

  /** The number of rejected rows. */
  get rows(): number {
    return this.#rows;
  }

  /** The counts, most rows first. */
  counts(): readonly RejectCount[] {
    return [...this.#counts.values()].sort((left, right) => right.rows - left.rows);
  }

  /**
   * Counts a row, and writes it to the file if there is one.
   *
   * @param record The row.
   * @param rejection Why it was not loaded.
   */
  add(record: CsvRecord, { column, reason }: Rejection): void {
    this.#rows += 1;
    const key = `${column ?? ""}\0${reason}`;
    const count = this.#counts.get(key) ?? { column, reason, rows: 0, lines: [] };
    count.rows += 1;
    if (count.lines.length < EXAMPLES) count.lines.push(record.line);
    this.#counts.set(key, count);
    if (this.#path === undefined) return;
    if (this.#file === undefined) {
      Deno.mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      // The rows are patients' data: readable by the file's owner only.
      this.#file = Deno.openSync(this.#path, { write: true, create: true, truncate: true, mode: 0o600 });
      this.#text = csvLine(["omcp_line", "omcp_column", "omcp_reason", ...this.#header]);
    }
    this.#text += csvLine([String(record.line), column ?? null, reason, ...record.fields]);
    if (this.#text.length > FLUSH_CHARACTERS) this.#flush();
  }

  /** Writes what is left and closes the file. */
  close(): void {
    if (this.#file === undefined) return;
    this.#flush();
    this.#file.close();
    this.#file = undefined;
  }

  #flush(): void {
    const bytes = new TextEncoder().encode(this.#text);
    this.#text = "";
    for (let at = 0; at < bytes.length;) at += this.#file?.writeSync(bytes.subarray(at)) ?? bytes.length;
  }
}

/** Writes fields so that NULL and the empty text differ. */
function csvLine(fields: readonly (string | null)[]): string {
  return fields.map((field) => {
    if (field === null) return "";
    return field === "" || /[",\n\r]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
  }).join(",") + "\n";
}
