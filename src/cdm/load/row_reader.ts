import { OmcpError } from "../../errors.ts";
import { COPY_NULL } from "../../lib/copy_format.ts";
import { type CdmColumn, type CdmTable, isTextType } from "../../omop/cdm/mod.ts";
import type { CsvRecord } from "./csv.ts";
import { ColumnNotes, NullWords, QUOTED_EMPTY } from "./notes.ts";
import { refused } from "./refused.ts";
import { isNullWord, type ValueReader, valueReader } from "./values.ts";

/** Why a row is not loaded; it contains no value of the row. */
export interface Rejection {
  /** The column; undefined if it concerns the whole row. */
  readonly column?: string;
  readonly reason: string;
}

/** How to read a file's rows. */
export interface RowOptions {
  /** Whether to cut a text to its column's length instead of rejecting its row. @default {false} */
  readonly truncate?: boolean;
  /**
   * The unquoted field that is NULL in every column; `""` for the quoted empty field. With the empty field, words such as NA are text in columns of
   * text.
   */
  readonly nullWord?: string;
  /** Whether words in columns of text are text: the file's format has a marker for NULL. @default {false} */
  readonly wordsAreText?: boolean;
}

interface Field {
  readonly at: number;
  readonly column: CdmColumn;
  readonly isText: boolean;
  readonly reader: ValueReader;
  readonly notes: ColumnNotes;
}

/** Converts a file's records to rows of one table, by the file's header. */
export class RowReader {
  /** The table's columns that the file has, in the file's order: COPY's column list. */
  readonly columns: readonly string[];
  /** Columns of the file that the table does not have. */
  readonly unknown: readonly string[];
  /** Required columns that the file does not have: no row can be loaded. */
  readonly missing: readonly string[];
  readonly #table: string;
  readonly #width: number;
  readonly #fields: readonly Field[];
  readonly #changed: ColumnNotes[] = [];
  readonly #words = new NullWords();
  readonly #nullWord: string | undefined;
  readonly #wordsAreText: boolean;

  /**
   * @param table The table.
   * @param header The file's header.
   * @param options How to read its rows.
   * @throws {OmcpError} `cdm_invalid` for a duplicate column.
   */
  constructor(table: CdmTable, header: readonly string[], options: RowOptions = {}) {
    const { truncate = false, nullWord, wordsAreText = false } = options;
    const known = new Map(table.columns.map((column) => [column.name, column]));
    const fields: Field[] = [];
    const unknown: string[] = [];
    header.forEach((name, at) => {
      const column = known.get(name.toLowerCase());
      if (column === undefined) {
        unknown.push(name);
        return;
      }
      if (fields.some((field) => field.column === column)) {
        throw refused(
          `Duplicate column ${column.name} in the header of ${table.name}`,
          "Remove or rename one of them.",
        );
      }
      const notes = new ColumnNotes(this.#changed);
      const isText = isTextType(column.type);
      fields.push({ at, column, isText, notes, reader: valueReader(column, { truncate, notes }) });
    });
    this.#table = table.name;
    this.#fields = fields;
    this.#width = header.length;
    this.#nullWord = nullWord;
    this.#wordsAreText = wordsAreText || nullWord !== undefined;
    this.columns = fields.map(({ column }) => column.name);
    this.unknown = unknown;
    this.missing = table.columns.filter((column) => column.required && !this.columns.includes(column.name))
      .map((column) => column.name);
  }

  /**
   * Checks a record.
   *
   * @param record The record.
   * @param suspect Whether U+FFFD may replace bytes that were not UTF-8.
   * @returns A line of COPY text without its line break, or why the row is rejected.
   * @throws {OmcpError} `cdm_invalid` if a word such as NA has two readings in the file.
   */
  read(record: CsvRecord, suspect: boolean): string | Rejection {
    const row = this.#read(record, suspect);
    if (this.#changed.length > 0) {
      for (const notes of this.#changed) notes.endRow(typeof row === "string");
      this.#changed.length = 0;
    }
    return row;
  }

  /** What was changed or decided: sentences without a final period, which contain no value of a row. */
  notes(): string[] {
    return [
      ...this.#fields.flatMap(({ column, notes }) => notes.describe(column.name, column.length)),
      ...this.#words.describe(this.#table),
    ];
  }

  #read(record: CsvRecord, suspect: boolean): string | Rejection {
    if (record.malformed !== undefined) return { reason: record.malformed };
    if (record.fields.length !== this.#width) {
      return { reason: "number of fields differs from the header's" };
    }
    const values: string[] = [];
    for (const { at, column, isText, reader } of this.#fields) {
      const text = record.fields[at] ?? null;
      const quoted = record.quoted?.[at] === true;
      // A quoted word is not a marker; the quoted empty field is one in files in which all fields are quoted.
      const word = quoted ? (text === "" ? QUOTED_EMPTY : null) : text;
      const isNull = text === null || (word !== null && word === this.#nullWord);
      const value = isNull ? COPY_NULL : reader.read(text);
      if (value === undefined) return { column: column.name, reason: reader.reason };
      if (
        word !== null && !isNull && (isText ? word === QUOTED_EMPTY || isNullWord(word) : value === COPY_NULL)
      ) {
        this.#noteWord({ word: word.trim(), isText, column: column.name, line: record.line });
      }
      if (column.required && value === COPY_NULL) {
        return { column: column.name, reason: "required, but empty" };
      }
      if (suspect && value.includes("\uFFFD")) return { column: column.name, reason: "not UTF-8" };
      values.push(value);
    }
    return values.join("\t");
  }

  /** Notes a word for NULL. A program writes one word in all columns: if a column of text has it, too, it has two readings. */
  #noteWord({ word, isText, column, line }: WordField): void {
    if (word === "" || (isText && this.#wordsAreText)) return;
    const twoReadings = isText
      ? this.#words.isText(word, line, column)
      : this.#words.isNull(word, line, column);
    if (!twoReadings) return;
    throw new OmcpError(
      "cdm_invalid",
      `The file of ${this.#table} has a word with two readings: ${this.#words.conflict(word)}`,
      {
        next: `Pass --null '${this.#table}=${word}' (NULL in every column) or --null ${this.#table}= ` +
          "(text in columns of text).",
      },
    );
  }
}

interface WordField {
  readonly word: string;
  readonly isText: boolean;
  readonly column: string;
  readonly line: number;
}
