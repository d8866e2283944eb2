import { OmcpError } from "../../errors.ts";
import { COPY_NULL } from "../../lib/copy_format.ts";
import type { CdmTable } from "../../omop/cdm/mod.ts";
import type { CsvRecord } from "./csv.ts";
import { type ValueReader, valueReader } from "./values.ts";

/** Why a row is not loaded; it contains no value of the row. */
export interface Rejection {
  /** The column; undefined if it concerns the whole row. */
  readonly column?: string;
  readonly reason: string;
}

interface Field {
  readonly at: number;
  readonly column: string;
  readonly required: boolean;
  readonly reader: ValueReader;
}

/** Converts a file's records to rows of one table, by the file's header. */
export class RowReader {
  /** The table's columns that the file has, in the file's order: COPY's column list. */
  readonly columns: readonly string[];
  /** Columns of the file that the table does not have. */
  readonly unknown: readonly string[];
  /** Required columns that the file does not have: no row can be loaded. */
  readonly missing: readonly string[];
  readonly #width: number;
  readonly #fields: readonly Field[];
  readonly #rejectsAll: Rejection | undefined;

  /**
   * @param table The table.
   * @param header The file's header.
   * @throws {OmcpError} `cdm_invalid` for a duplicate column.
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
        throw new OmcpError("cdm_invalid", `Duplicate column ${column.name} in the header of ${table.name}`);
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
      this.#rejectsAll = { column: first, reason: "required, but the file has no such column" };
    }
  }

  /**
   * Checks a record.
   *
   * @param record The record.
   * @param suspect Whether U+FFFD may replace bytes that were not UTF-8.
   * @returns A line of COPY text without its line break, or why the row is rejected.
   */
  read(record: CsvRecord, suspect: boolean): string | Rejection {
    if (this.#rejectsAll !== undefined) return this.#rejectsAll;
    if (record.malformed === true) return { reason: "text after a closing quote" };
    if (record.fields.length !== this.#width) {
      return { reason: "number of fields differs from the header's" };
    }
    const values: string[] = [];
    for (const { at, column, required, reader } of this.#fields) {
      const text = record.fields[at];
      const value = text === null || text === undefined ? COPY_NULL : reader.read(text);
      if (value === undefined) return { column, reason: reader.reason };
      if (required && value === COPY_NULL) return { column, reason: "required, but empty" };
      if (suspect && value.includes("\uFFFD")) return { column, reason: "not UTF-8" };
      values.push(value);
    }
    return values.join("\t");
  }
}
