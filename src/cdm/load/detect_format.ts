/**
 * Determines what quotes and backslashes mean in a file that is separated by TABs or bars. In such files, pandas, DuckDB and R enclose fields in
 * quotes, Athena and many databases do not, and COPY's text format has escapes. The content shows which; where it does not, the load refuses the
 * file instead of guessing.
 */
import { COPY_END } from "./copy_text.ts";
import { MAX_RECORD_CHARACTERS, scanRecord } from "./csv.ts";
import { type Delimiter, type FileFormat, NULL_MARKER } from "./dialect.ts";

/** A file's format, or why its content does not show it: two readings fit. */
export type DetectedFormat =
  | { readonly format: FileFormat }
  /** The first line whose quotes are escaped by a backslash, which fits no reading of this program. */
  | { readonly escapedQuote: number }
  | {
    readonly ambiguous: string;
    /** Where the readings differ first. */
    readonly line: number;
    readonly formats: readonly [FileFormat, FileFormat];
  };

/** Most records with a quote to examine: a file has one format, and this many show it. */
const MAX_EXAMINED = 100_000;
/** Lines that are searched for an empty field in a column of numbers or dates. */
const MAX_SPLIT = 10_000;

/** A field in quotes with at least one quote after a backslash, and no other within. */
const ESCAPED_QUOTES = /^"(?:[^"\\]|\\[^"])*\\"(?:[^"\\]|\\.)*"$/;

/** Reads a file's text, and collects what it shows. */
export class FormatDetector {
  readonly #delimiter: Delimiter;
  readonly #width: number;
  readonly #values: readonly number[];
  #rest = "";
  #line = 1;
  #headerSeen = false;
  #examined = 0;
  #split = 0;
  // The first line of each kind of evidence.
  /** The record has the header's number of fields only if its quotes enclose fields. */
  #onlyQuoted: number | undefined;
  /** The line has the header's number of fields only if its quotes are text. */
  #onlyText: number | undefined;
  /** A quoted field that is empty or has doubled quotes. */
  #doubled: number | undefined;
  /** A quote within a field that does not begin with one: a program that encloses fields would enclose this one. */
  #inner: number | undefined;
  /** A field that begins and ends with a quote and has no other. */
  #enclosed: number | undefined;
  /** A field in quotes whose own quotes are escaped by a backslash. */
  #escapedQuote: number | undefined;
  #marker: number | undefined;
  #escape: number | undefined;
  /** A backslash that COPY would have doubled. */
  #plainBackslash: number | undefined;
  /** An empty field of a number or date, for which COPY would have written its marker. */
  #emptyValue: number | undefined;

  /**
   * @param delimiter Between the fields.
   * @param width The number of fields in the header.
   * @param values Positions of the columns that hold numbers or dates.
   */
  constructor(delimiter: Delimiter, width: number, values: readonly number[]) {
    this.#delimiter = delimiter;
    this.#width = width;
    this.#values = values;
  }

  /**
   * Examines the next piece of text.
   *
   * @param text Any part of the file.
   */
  push(text: string): void {
    this.#rest = this.#rest === "" ? text : this.#rest + text;
    this.#rest = this.#rest.slice(this.#examine(this.#rest, false));
    // The parser refuses such a line.
    if (this.#rest.length > MAX_RECORD_CHARACTERS) this.#rest = "";
  }

  /** Examines the end of the text, and decides. */
  end(): DetectedFormat {
    this.#examine(this.#rest, true);
    this.#rest = "";
    if (this.#escapedQuote !== undefined) return { escapedQuote: this.#escapedQuote };
    const quotes = this.#quotes();
    if (typeof quotes !== "boolean") return quotes;
    return quotes ? { format: "csv" } : this.#backslashes();
  }

  #quotes(): DetectedFormat | boolean {
    if (this.#onlyQuoted !== undefined && this.#onlyText !== undefined) {
      return ambiguousQuotes(
        this.#onlyQuoted,
        `a field is enclosed in quotes there, but at line ${this.#onlyText} quotes are text`,
      );
    }
    if (this.#onlyQuoted !== undefined) return true;
    if (this.#onlyText !== undefined) return false;
    if (this.#doubled !== undefined && this.#inner !== undefined) {
      return ambiguousQuotes(
        this.#doubled,
        `a field has doubled quotes there, but at line ${this.#inner} a single quote is text`,
      );
    }
    if (this.#doubled !== undefined && this.#isCopy()) {
      const ambiguous = "doubled quotes may enclose a field there, but \\N is NULL as in COPY's text format";
      return { ambiguous, line: this.#doubled, formats: ["csv", "copy"] };
    }
    if (this.#doubled !== undefined) return true;
    if (this.#inner !== undefined || this.#enclosed === undefined) return false;
    return ambiguousQuotes(this.#enclosed, "quotes may enclose a field there, or belong to it");
  }

  #backslashes(): DetectedFormat {
    const escape = this.#escape;
    if (this.#plainBackslash !== undefined || escape === undefined) {
      // Without an escape the formats differ in empty texts: COPY's are not NULL.
      return { format: this.#isCopy() ? "copy" : "unquoted" };
    }
    if (this.#isCopy()) return { format: "copy" };
    if (this.#marker === undefined && this.#emptyValue !== undefined) return { format: "unquoted" };
    return {
      ambiguous: "a backslash may begin an escape of COPY's text format there, or be text",
      line: escape,
      formats: ["copy", "unquoted"],
    };
  }

  /** Whether NULL is written as in COPY's text format, and nothing contradicts it. */
  #isCopy(): boolean {
    return this.#marker !== undefined && this.#emptyValue === undefined && this.#plainBackslash === undefined;
  }

  /** Examines complete records; returns the offset of the first incomplete one. */
  #examine(text: string, final: boolean): number {
    let at = 0;
    while (at < text.length) {
      const newline = text.indexOf("\n", at);
      if (newline < 0 && !final) break;
      const end = newline < 0 ? text.length : newline;
      const line = text.slice(at, text[end - 1] === "\r" && end > at ? end - 1 : end);
      let lines = 1;
      let next = end + 1;
      if (!this.#headerSeen) {
        this.#headerSeen = line.trim() !== "";
      } else if (line.includes('"') && this.#examined < MAX_EXAMINED) {
        const found = this.#examineQuotes(text, at, line, final);
        if (found === "incomplete") break;
        if (found !== undefined) ({ lines, next } = found);
      }
      if (lines === 1 && line !== "") this.#examineBackslashes(line);
      this.#line += lines;
      at = next;
    }
    return Math.min(at, text.length);
  }

  /** Compares both readings of a record; returns its end if the quoted one has several lines, or is the only one that fits. */
  #examineQuotes(
    text: string,
    at: number,
    line: string,
    final: boolean,
  ): { readonly lines: number; readonly next: number } | "incomplete" | undefined {
    const texts = line.split(this.#delimiter);
    if (texts.some((field) => field.startsWith('"'))) {
      const scanned = scanRecord(text, at, this.#delimiter, final);
      if (scanned === "incomplete" && text.length - at <= MAX_RECORD_CHARACTERS) return "incomplete";
      this.#examined += 1;
      const quoted = typeof scanned !== "string" && scanned.malformed === undefined &&
        scanned.fields.length === this.#width;
      const record = typeof scanned === "string" ? [line] : text.slice(at, scanned.next).split(/\r?\n/);
      const plain = texts.length === this.#width &&
        (!quoted ||
          record.every((each) => each === "" || each.split(this.#delimiter).length === this.#width));
      if (quoted && !plain) {
        this.#onlyQuoted ??= this.#line;
        return scanned;
      }
      if (!quoted && texts.some((field) => ESCAPED_QUOTES.test(field))) this.#escapedQuote ??= this.#line;
      if (plain && !quoted) this.#onlyText ??= this.#line;
      if (plain && quoted) {
        this.#enclosed ??= this.#line;
        // Its other lines show nothing on their own.
        if (scanned.lines > 1) return scanned;
        if (scanned.doubled) this.#doubled ??= this.#line;
      }
    }
    if (texts.some((field) => field.includes('"') && !field.startsWith('"'))) this.#inner ??= this.#line;
    return undefined;
  }

  #examineBackslashes(line: string): void {
    const backslash = line.includes("\\");
    if (!backslash && (this.#emptyValue !== undefined || this.#split >= MAX_SPLIT)) return;
    this.#split += 1;
    const fields = line.split(this.#delimiter);
    if (fields.length === this.#width && this.#values.some((at) => fields[at] === "")) {
      this.#emptyValue ??= this.#line;
    }
    if (!backslash || line === COPY_END) return;
    for (const field of fields) {
      if (field === NULL_MARKER) this.#marker ??= this.#line;
      else if (field.includes("\\")) this.#examineEscapes(field, fields.length === this.#width);
    }
  }

  /** COPY writes a backslash only doubled or before one of few letters; MySQL also before a TAB or a line break, which splits a field. */
  #examineEscapes(field: string, whole: boolean): void {
    const escapes = whole ? /^(?:[^\\]|\\[\\bfnrtv])*$/ : /^(?:[^\\]|\\[\\bfnrtv])*\\?$/;
    if (escapes.test(field)) this.#escape ??= this.#line;
    else this.#plainBackslash ??= this.#line;
  }
}

function ambiguousQuotes(line: number, ambiguous: string): DetectedFormat {
  return { ambiguous, line, formats: ["csv", "unquoted"] };
}
