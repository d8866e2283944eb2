/** Checks single values, and writes them in COPY's text format. */
import { COPY_NULL, escapeCopyText } from "../../lib/copy_format.ts";
import type { CdmColumn } from "../../omop/cdm/mod.ts";

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

/**
 * Words that statistics programs and dumps write for NULL. They mean NULL in columns of types other than text, where they cannot be
 * values. In a text column they are text: NA is also sodium.
 */
const NULL_WORDS = new Set(["", "na", "nan", "nat", "null", "none", "<na>", "\\n"]);

/**
 * Creates the reader of a column's values.
 *
 * @param column The column.
 */
export function valueReader(column: CdmColumn): ValueReader {
  switch (column.type) {
    case "integer":
      return orNull(integers(9, -(2n ** 31n), 2n ** 31n - 1n), "not a 32-bit integer");
    case "bigint":
      return orNull(integers(18, -(2n ** 63n), 2n ** 63n - 1n), "not a 64-bit integer");
    case "numeric":
      return orNull(readNumeric, "not a number");
    case "date":
      return orNull(readDate, "not a date as YYYY-MM-DD or YYYYMMDD");
    case "timestamp":
      return orNull(readTimestamp, "not a date with or without a time, in UTC or without a zone");
    case "varchar":
    case "text":
      return texts(column.length);
  }
}

function orNull(read: (text: string) => string | undefined, reason: string): ValueReader {
  function readOrNull(text: string): string | undefined {
    const value = read(text);
    if (value !== undefined) return value;
    const trimmed = text.trim();
    if (trimmed.length <= 4 && NULL_WORDS.has(trimmed.toLowerCase())) return COPY_NULL;
    return trimmed === text ? undefined : read(trimmed);
  }
  return { read: readOrNull, reason };
}

/** Integers; also `8507.0`, which pandas writes for a column with missing values. */
function integers(digits: number, least: bigint, most: bigint): (text: string) => string | undefined {
  const inRange = new RegExp(`^-?\\d{1,${digits}}$`);
  return function readInteger(text: string): string | undefined {
    if (inRange.test(text)) return text;
    const whole = /^([+-]?\d{1,40})(?:\.0*)?$/.exec(text)?.[1];
    if (whole === undefined) return undefined;
    const value = BigInt(whole.replace("+", ""));
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
  /^(\d{4})(-?)(\d{2})\2(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?(?: ?(?:Z|UTC|[+-]00(?::?00)?))?$/;
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** A date; also with the time 00:00, as some databases export dates. */
function readDate(text: string): string | undefined {
  const parts = MOMENT.exec(text);
  if (parts === null || !isDay(parts)) return undefined;
  const [, year, , month, day, ...time] = parts;
  return time.every((part) => part === undefined || Number(part) === 0)
    ? `${year}-${month}-${day}`
    : undefined;
}

function readTimestamp(text: string): string | undefined {
  const parts = MOMENT.exec(text);
  if (parts === null || !isDay(parts)) return undefined;
  const [, year, , month, day, hour = "00", minute = "00", second = "00", fraction] = parts;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const rest = fraction === undefined ? "" : `.${fraction}`;
  return `${year}-${month}-${day} ${hour}:${minute}:${second}${rest}`;
}

function isDay(parts: RegExpExecArray): boolean {
  const year = Number(parts[1]);
  const month = Number(parts[3]);
  const day = Number(parts[4]);
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return year >= 1 && day >= 1 && day <= (DAYS[month - 1] ?? 0) + (leap ? 1 : 0);
}

function texts(length: number | undefined): ValueReader {
  const reason = length === undefined ? "has a NUL" : `longer than ${length} characters, or has a NUL`;
  function read(text: string): string | undefined {
    if (text.includes("\0")) return undefined;
    // PostgreSQL counts code points, JavaScript UTF-16 units: count code points only if it matters.
    if (length !== undefined && text.length > length && [...text].length > length) return undefined;
    return escapeCopyText(text);
  }
  return { read, reason };
}
