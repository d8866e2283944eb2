/** Checks single values, and writes them in COPY's text format. */
import { COPY_NULL, escapeCopyText } from "../../lib/copy_format.ts";
import type { CdmColumn } from "../../omop/cdm/mod.ts";
import type { ColumnNotes } from "./notes.ts";

/** Reads the values of one column. */
export interface ValueReader {
  /**
   * @param text The field's text; empty only if it was quoted in the file.
   * @returns The value in COPY's text format, {@link COPY_NULL} for a word that means NULL, undefined for a value that is not of the
   * column's type.
   */
  read(text: string): string | undefined;
  /** Why a value is rejected, as part of a report; it names no value. */
  readonly reason: string;
}

/** What happens to texts that are too long, and where changes are counted. */
export interface ValueOptions {
  /** Whether to cut a text to its column's length instead of rejecting its row. @default {false} */
  readonly truncate?: boolean;
  readonly notes: ColumnNotes;
}

/**
 * Words that statistics programs and dumps write for NULL. They mean NULL in columns of types other than text, where they cannot be
 * values. In a text column they may be text: NA is also sodium.
 */
const NULL_WORDS = new Set(["", "na", "nan", "nat", "null", "none", "<na>", "\\n"]);
const NULL_WORD_LENGTH = 4;

/** Beyond it, a double has no exact integers: one that is written with a point or an exponent may have been rounded. */
const MAX_EXACT = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * Whether a program may have written a text for NULL.
 *
 * @param text A field.
 */
export function isNullWord(text: string): boolean {
  return text.length <= NULL_WORD_LENGTH && NULL_WORDS.has(text.toLowerCase());
}

/**
 * Creates the reader of a column's values.
 *
 * @param column The column.
 * @param options What to do with long texts, and where to count changed values.
 */
export function valueReader(column: CdmColumn, options: ValueOptions): ValueReader {
  const { notes } = options;
  switch (column.type) {
    case "integer":
      return orNull(
        integers(9, -(2n ** 31n), 2n ** 31n - 1n),
        "not a 32-bit integer, or one that a double may have rounded",
      );
    case "bigint":
      return orNull(
        integers(18, -(2n ** 63n), 2n ** 63n - 1n),
        "not a 64-bit integer, or one that a double may have rounded",
      );
    case "numeric":
      return orNull(readNumeric, "not a number with a decimal point and without separators of thousands");
    case "date":
      return orNull(readDate, "not a date as YYYY-MM-DD or YYYYMMDD, or with a time that would be lost");
    case "timestamp":
      return orNull(
        (text) => readTimestamp(text, notes),
        "not a date with or without a time up to 23:59:59, in UTC or without a zone",
      );
    case "varchar":
    case "text":
      return texts(column.length, options);
  }
}

function orNull(read: (text: string) => string | undefined, reason: string): ValueReader {
  function readOrNull(text: string): string | undefined {
    const value = read(text);
    if (value !== undefined) return value;
    const trimmed = text.trim();
    if (isNullWord(trimmed)) return COPY_NULL;
    return trimmed === text ? undefined : read(trimmed);
  }
  return { read: readOrNull, reason };
}

const WHOLE = /^([+-]?)(\d{1,40})(?:\.(\d{0,40}))?(?:[eE]\+?(\d{1,2}))?$/;

/** Integers; also `8507.0`, which pandas writes for a column with missing values, and R's `1e+05`. */
function integers(digits: number, least: bigint, most: bigint): (text: string) => string | undefined {
  const inRange = new RegExp(`^-?\\d{1,${digits}}$`);
  return function readInteger(text: string): string | undefined {
    if (inRange.test(text)) return text;
    const parts = WHOLE.exec(text);
    if (parts === null) return undefined;
    const [, sign = "", whole = "", fraction, exponent] = parts;
    const shift = Number(exponent ?? 0);
    const decimals = (fraction ?? "").padEnd(shift, "0");
    if (/[1-9]/.test(decimals.slice(shift))) return undefined;
    const value = BigInt(`${whole}${decimals.slice(0, shift)}`) * (sign === "-" ? -1n : 1n);
    const double = fraction !== undefined || exponent !== undefined;
    if (double && (value > MAX_EXACT || value < -MAX_EXACT)) return undefined;
    return value >= least && value <= most ? String(value) : undefined;
  };
}

/** PostgreSQL's numeric has up to 131072 digits before the point and 16383 after it: the exponent is bounded. */
function readNumeric(text: string): string | undefined {
  const parts = /^[+-]?(?:\d{1,1000}(?:\.\d{0,1000})?|\.\d{1,1000})(?:[eE]([+-]?\d{1,5}))?$/.exec(text);
  if (parts === null) return undefined;
  return Math.abs(Number(parts[1] ?? 0)) <= 10_000 ? text : undefined;
}

const MOMENT =
  /^(\d{4})(-?)(\d{2})\2(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,12}))?)?)?(?: ?(?:Z|UTC|[+-]00(?::?00)?))?$/;
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/** Digits of a second's fraction that PostgreSQL keeps. */
const MICROSECONDS = 6;

/** A date; also with the time 00:00, as some databases export dates. */
function readDate(text: string): string | undefined {
  const parts = MOMENT.exec(text);
  if (parts === null || !isDay(parts)) return undefined;
  const [, year, , month, day, ...time] = parts;
  return time.every((part) => part === undefined || Number(part) === 0)
    ? `${year}-${month}-${day}`
    : undefined;
}

/** Cuts a fraction to microseconds: PostgreSQL would round it, and 23:59:59.9999999 to the next day. */
function readTimestamp(text: string, notes: ColumnNotes): string | undefined {
  const parts = MOMENT.exec(text);
  if (parts === null || !isDay(parts)) return undefined;
  const [, year, , month, day, hour = "00", minute = "00", second = "00", fraction] = parts;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  if (fraction !== undefined && /[1-9]/.test(fraction.slice(MICROSECONDS))) notes.fractionCut();
  const rest = fraction === undefined ? "" : `.${fraction.slice(0, MICROSECONDS)}`;
  return `${year}-${month}-${day} ${hour}:${minute}:${second}${rest}`;
}

function isDay(parts: RegExpExecArray): boolean {
  const year = Number(parts[1]);
  const month = Number(parts[3]);
  const day = Number(parts[4]);
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return year >= 1 && day >= 1 && day <= (DAYS[month - 1] ?? 0) + (leap ? 1 : 0);
}

function texts(length: number | undefined, { truncate = false, notes }: ValueOptions): ValueReader {
  const tooLong = length === undefined || truncate ? "" : `longer than ${length} characters, or `;
  function read(text: string): string | undefined {
    if (text.includes("\0")) return undefined;
    if (length === undefined || text.length <= length) return escapeCopyText(text);
    // PostgreSQL counts code points, JavaScript UTF-16 units: count code points only if it matters.
    const characters = [...text];
    if (characters.length <= length) return escapeCopyText(text);
    if (!truncate) return undefined;
    notes.textCut(characters.length);
    return escapeCopyText(characters.slice(0, length).join(""));
  }
  return { read, reason: `${tooLong}has a NUL` };
}
