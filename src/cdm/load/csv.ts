import { OmcpError } from "../../errors.ts";

/** How a file separates and quotes its fields. */
export interface CsvDialect {
  readonly delimiter: "," | "\t" | ";" | "|";
  /** Whether quotes enclose fields; Athena's vocabulary files are TAB-delimited and have no quoting. */
  readonly quotes: boolean;
}

/** One record of a file. */
export interface CsvRecord {
  /** The line at which it begins, from 1. */
  readonly line: number;
  /** Its fields; null for an empty field without quotes, which is NULL. */
  readonly fields: readonly (string | null)[];
  /** Present where text follows a closing quote. */
  readonly malformed?: true;
}

/** The longest record, in characters, notes included: a longer one has an unclosed quote. */
export const MAX_RECORD_CHARACTERS = 16 * 1024 * 1024;

/**
 * Parses records from text that arrives in pieces (RFC 4180 and common variants): LF or CRLF; quoted fields may contain doubled
 * quotes and line breaks; a quote within an unquoted field is a normal character; empty lines are skipped.
 */
export class CsvParser {
  readonly #dialect: CsvDialect;
  #rest = "";
  #line = 1;

  /** @param dialect Delimiter and quoting. */
  constructor(dialect: CsvDialect) {
    this.#dialect = dialect;
  }

  /**
   * Parses the next piece of text.
   *
   * @param text Any part of a file, cut anywhere between characters.
   * @returns The records that it completes.
   * @throws {OmcpError} `cdm_invalid` if a record is longer than {@link MAX_RECORD_CHARACTERS}.
   */
  push(text: string): CsvRecord[] {
    const records: CsvRecord[] = [];
    const whole = this.#rest === "" ? text : this.#rest + text;
    this.#rest = whole.slice(this.#parse(whole, records, false));
    if (this.#rest.length > MAX_RECORD_CHARACTERS) throw this.#unclosed();
    return records;
  }

  /**
   * Parses the end of the file.
   *
   * @returns The last record, if it has no line break.
   * @throws {OmcpError} `cdm_invalid` if a quote was never closed.
   */
  end(): CsvRecord[] {
    const records: CsvRecord[] = [];
    const rest = this.#rest;
    this.#rest = "";
    if (rest !== "") this.#parse(rest, records, true);
    return records;
  }

  /** Parses complete records; returns the offset of the first incomplete one. */
  #parse(text: string, records: CsvRecord[], final: boolean): number {
    const { delimiter, quotes } = this.#dialect;
    let at = 0;
    while (at < text.length) {
      const newline = text.indexOf("\n", at);
      if (newline < 0 && !final) break;
      const end = newline < 0 ? text.length : newline;
      const line = text.slice(at, text[end - 1] === "\r" && end > at ? end - 1 : end);
      if (quotes && line.includes('"')) {
        const scanned = this.#scan(text, at, final);
        if (scanned === undefined) break;
        records.push(scanned.record);
        this.#line += scanned.lines;
        at = scanned.next;
        continue;
      }
      if (line !== "") {
        const fields: (string | null)[] = line.split(delimiter);
        for (let index = 0; index < fields.length; index += 1) {
          if (fields[index] === "") fields[index] = null;
        }
        records.push({ line: this.#line, fields });
      }
      this.#line += 1;
      at = end + 1;
    }
    return Math.min(at, text.length);
  }

  /** Parses one record with quotes; undefined while its end is missing. */
  #scan(text: string, start: number, final: boolean): Scanned | undefined {
    const { delimiter } = this.#dialect;
    const fields: (string | null)[] = [];
    let malformed = false;
    let at = start;
    while (true) {
      let quoted: string | undefined;
      if (text[at] === '"') {
        const closed = readQuoted(text, at + 1, final);
        if (closed === undefined) {
          if (final) throw this.#unclosed();
          return undefined;
        }
        quoted = closed.value;
        at = closed.next;
      }
      const end = fieldEnd(text, at, delimiter);
      if (end === text.length && !final) return undefined;
      const atLineEnd = text[end] !== delimiter;
      // CRLF: the CR belongs to the line break.
      const tail = text.slice(at, atLineEnd && text[end - 1] === "\r" && end > at ? end - 1 : end);
      if (quoted === undefined) {
        fields.push(tail === "" ? null : tail);
      } else {
        malformed ||= tail !== "";
        fields.push(quoted + tail);
      }
      if (atLineEnd) {
        const record: CsvRecord = malformed
          ? { line: this.#line, fields, malformed: true }
          : { line: this.#line, fields };
        return { record, next: end + 1, lines: countLines(text, start, end) };
      }
      at = end + 1;
    }
  }

  #unclosed(): OmcpError {
    return new OmcpError(
      "cdm_invalid",
      `The record that begins at line ${this.#line} has no end: a quote in it is not closed`,
    );
  }
}

interface Scanned {
  readonly record: CsvRecord;
  readonly next: number;
  readonly lines: number;
}

/** Parses from after an opening quote to after its closing one; undefined while that is missing. */
function readQuoted(
  text: string,
  start: number,
  final: boolean,
): { readonly value: string; readonly next: number } | undefined {
  let value = "";
  let at = start;
  while (true) {
    const quote = text.indexOf('"', at);
    if (quote < 0) return undefined;
    // The next character may be the second half of a doubled quote.
    if (quote + 1 === text.length && !final) return undefined;
    value += text.slice(at, quote);
    if (text[quote + 1] !== '"') return { value, next: quote + 1 };
    value += '"';
    at = quote + 2;
  }
}

function fieldEnd(text: string, start: number, delimiter: string): number {
  for (let at = start; at < text.length; at += 1) {
    const character = text[at];
    if (character === delimiter || character === "\n") return at;
  }
  return text.length;
}

function countLines(text: string, start: number, end: number): number {
  let lines = 1;
  for (let at = text.indexOf("\n", start); at >= 0 && at < end; at = text.indexOf("\n", at + 1)) lines += 1;
  return lines;
}
