import { OmcpError } from "../../errors.ts";
import type { CdmTable } from "../../omop/cdm/mod.ts";
import type { CsvRecord } from "./csv.ts";
import { COPY_NULL, type ValueReader, valueReader } from "./values.ts";

/** Why a row is not loaded; holds nothing of the row itself. */
export interface Rejection {
  /** The column; undefined where it is the whole row. */
  readonly column?: string;
  readonly reason: string;
}

interface Field {
  readonly at: number;
  readonly column: string;
  readonly required: boolean;
  readonly reader: ValueReader;
}

/** Turns a file's records into rows of one table, by the file's header. */
export class RowReader {
  /** The table's columns that the file has, in the file's order: COPY's column list. */
  readonly columns: readonly string[];
  /** What the header names and the table has not. */
  readonly unknown: readonly string[];
  /** Columns that must not be null and are not in the file: no row can be loaded. */
  readonly missing: readonly string[];
  readonly #width: number;
  readonly #fields: readonly Field[];
  readonly #hopeless: Rejection | undefined;

  /**
   * @param table The table.
   * @param header The file's header.
   * @throws {OmcpError} `cdm_invalid` if the header names a column twice.
   */
  constructor(table: CdmTable, header: readonly string[]) {
    const known = new Map(table.columns.map((column) => [column.name, column]));
    const fields: Field[] = [];
    const unknown: string[] = [];
    header.forEach((name, at) => {
      const column = known.get(name.toLowerCase());
      if (column === undefined) {
        unknown.push(name);
        return;
      }
      if (fields.some((field) => field.column === column.name)) {
        throw new OmcpError("cdm_invalid", `The header of ${table.name} has column ${column.name} twice`);
      }
      fields.push({ at, column: column.name, required: column.required, reader: valueReader(column) });
    });
    this.#fields = fields;
    this.#width = header.length;
    this.columns = fields.map(({ column }) => column);
    this.unknown = unknown;
    this.missing = table.columns.filter((column) => column.required && !this.columns.includes(column.name))
      .map((column) => column.name);
    const [first] = this.missing;
    if (first !== undefined) {
      this.#hopeless = { column: first, reason: "required, and the file has no such column" };
    }
  }

  /**
   * Checks a record.
   *
   * @param record The record.
   * @param suspect Whether U+FFFD stands for bytes that were no UTF-8.
   * @returns A line of COPY text without its line break, or why it is not taken.
   */
  read(record: CsvRecord, suspect: boolean): string | Rejection {
    if (this.#hopeless !== undefined) return this.#hopeless;
    if (record.malformed === true) return { reason: "text after a closing quote" };
    if (record.fields.length !== this.#width) return { reason: "another number of fields than the header" };
    const values: string[] = [];
    for (const { at, column, required, reader } of this.#fields) {
      const text = record.fields[at];
      const value = text === null || text === undefined ? COPY_NULL : reader.read(text);
      if (value === undefined) return { column, reason: reader.reason };
      if (required && value === COPY_NULL) return { column, reason: "required, and empty" };
      if (suspect && value.includes("\uFFFD")) return { column, reason: "not UTF-8" };
      values.push(value);
    }
    return values.join("\t");
  }
}
