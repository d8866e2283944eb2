import { OmcpError } from "../../errors.ts";
import { COPY_END, copyRecordEnd, splitCopyText } from "./copy_text.ts";
import { type Dialect, NULL_MARKER } from "./dialect.ts";

/** One record of a file. */
export interface CsvRecord {
  /** The line at which it begins, from 1. */
  readonly line: number;
  /** Its fields. A null is NULL: `\N`, or, in formats other than `copy`, an empty field without quotes. */
  readonly fields: readonly (string | null)[];
  /** Which fields were enclosed in quotes; absent if none was. */
  readonly quoted?: readonly boolean[];
  /** Why the record cannot be read, as part of a report; it names no value. */
  readonly malformed?: string;
}

/** The longest record, in characters; clinical notes (`note_text`) fit. A longer record has an unclosed quote. */
export const MAX_RECORD_CHARACTERS = 16 * 1024 * 1024;

/**
 * Parses records from text that arrives in pieces. In the format `csv` (RFC 4180 and common variants), quoted fields may contain
 * doubled quotes and line breaks, and a quote within an unquoted field is a normal character. In every format lines end with LF or
 * CRLF, and empty lines are skipped.
 */
export class CsvParser {
  readonly #dialect: Dialect;
  #rest = "";
  #line = 1;
  #ended = false;

  /** @param dialect Delimiter and format. */
  constructor(dialect: Dialect) {
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
    if (this.#rest.length > MAX_RECORD_CHARACTERS) throw this.#endless();
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
    const { delimiter, format } = this.#dialect;
    const quotes = format === "csv";
    let at = 0;
    while (at < text.length) {
      const newline = format === "copy" ? copyRecordEnd(text, at) : text.indexOf("\n", at);
      if (newline < 0 && !final) break;
      const end = newline < 0 ? text.length : newline;
      const line = text.slice(at, text[end - 1] === "\r" && end > at ? end - 1 : end);
      if (quotes && line.includes('"')) {
        const scanned = scanRecord(text, at, delimiter, final);
        if (scanned === "unclosed") throw hasEscapedQuote(text.slice(at)) ? this.#escaped() : this.#endless();
        if (scanned === "incomplete") break;
        const { fields, quoted, malformed } = scanned;
        if (
          (malformed !== undefined || endsUnquoted(scanned)) && hasEscapedQuote(text.slice(at, scanned.next))
        ) throw this.#escaped();
        records.push({ line: this.#line, fields, quoted, ...(malformed === undefined ? {} : { malformed }) });
        this.#line += scanned.lines;
        at = scanned.next;
        continue;
      }
      if (line !== "") this.#split(line, records);
      this.#line += format === "copy" ? countLines(text, at, end) : 1;
      at = end + 1;
    }
    return Math.min(at, text.length);
  }

  /** Splits a record in which no quote encloses a field. */
  #split(line: string, records: CsvRecord[]): void {
    const { delimiter, format } = this.#dialect;
    if (this.#ended) {
      throw new OmcpError(
        "cdm_invalid",
        `Line ${this.#line} follows the end marker \\. of COPY's text format`,
      );
    }
    if (format === "copy") {
      if (line === COPY_END) {
        this.#ended = true;
        return;
      }
      if (line.includes("\\")) {
        const { fields, malformed } = splitCopyText(line, delimiter);
        records.push({
          line: this.#line,
          fields,
          ...(malformed ? { malformed: "an escape by number, such as \\101" } : {}),
        });
        return;
      }
    }
    const fields: (string | null)[] = line.split(delimiter);
    if (format !== "copy") {
      for (let index = 0; index < fields.length; index += 1) {
        const field = fields[index];
        if (field === "" || field === NULL_MARKER) fields[index] = null;
      }
    }
    records.push({ line: this.#line, fields });
  }

  /** Ends the load: read as RFC 4180, a file whose quotes are escaped by backslashes would give wrong records elsewhere, too. */
  #escaped(): OmcpError {
    return new OmcpError("cdm_invalid", `${ESCAPED_QUOTE} in the record that begins at line ${this.#line}`, {
      next: DOUBLE_THE_QUOTES,
    });
  }

  #endless(): OmcpError {
    return new OmcpError(
      "cdm_invalid",
      `The record that begins at line ${this.#line} has no end: a quote in it is not closed, or it is longer than ${MAX_RECORD_CHARACTERS} characters`,
    );
  }
}

/** Whether a quoted field seems to end at a backslash, and the closing quote is at the end of a later field. */
function endsUnquoted({ fields, quoted }: ScannedRecord): boolean {
  const first = fields.findIndex((field, at) => quoted[at] === true && field?.endsWith("\\") === true);
  return first >= 0 &&
    fields.some((field, at) => at > first && quoted[at] === false && field?.endsWith('"') === true);
}

/** The cause of the error for a file whose quotes are escaped. */
export const ESCAPED_QUOTE = 'A quoted field has quotes escaped by a backslash (\\"), not doubled (""),';

/** What to do about {@link ESCAPED_QUOTE}. */
export const DOUBLE_THE_QUOTES =
  'Write the file again with doubled quotes: in Spark with .option("escape", "\\""), in R with qmethod = "double".';

/** Whether a text has a quote after a backslash, as Spark and R write a quote within quotes. */
function hasEscapedQuote(text: string): boolean {
  return text.includes('\\"');
}

/** A record that {@link scanRecord} has read. */
export interface ScannedRecord extends Omit<CsvRecord, "line"> {
  readonly quoted: readonly boolean[];
  /** Where the next record begins. */
  readonly next: number;
  /** How many lines the record has. */
  readonly lines: number;
  /** Whether an enclosed field is empty or has a doubled quote. */
  readonly doubled: boolean;
}

/**
 * Reads one record in which quotes enclose fields.
 *
 * @param text The text.
 * @param start Where the record begins.
 * @param delimiter Between its fields.
 * @param final Whether the text is the file's last.
 * @returns The record; `incomplete` while its end is missing, `unclosed` if the file ends within a quoted field.
 */
export function scanRecord(
  text: string,
  start: number,
  delimiter: string,
  final: boolean,
): ScannedRecord | "incomplete" | "unclosed" {
  const fields: (string | null)[] = [];
  const quoted: boolean[] = [];
  let malformed: string | undefined;
  let doubled = false;
  let at = start;
  while (true) {
    let value: string | undefined;
    if (text[at] === '"') {
      const closed = readQuoted(text, at + 1, final);
      if (closed === undefined) return final ? "unclosed" : "incomplete";
      value = closed.value;
      doubled ||= value === "" || value.includes('"');
      at = closed.next;
    }
    const end = fieldEnd(text, at, delimiter);
    if (end === text.length && !final) return "incomplete";
    const atLineEnd = text[end] !== delimiter;
    // CRLF: the CR belongs to the line break.
    const tail = text.slice(at, atLineEnd && text[end - 1] === "\r" && end > at ? end - 1 : end);
    if (value === undefined) {
      fields.push(tail === "" || tail === NULL_MARKER ? null : tail);
    } else {
      if (tail !== "") malformed = "text after a closing quote";
      fields.push(value + tail);
    }
    quoted.push(value !== undefined);
    if (atLineEnd) {
      const record = { fields, quoted, doubled, next: end + 1, lines: countLines(text, start, end) };
      return malformed === undefined ? record : { ...record, malformed };
    }
    at = end + 1;
  }
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
