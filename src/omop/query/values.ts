import { OmcpError } from "../../errors.ts";
import { type CdmType, isConceptColumn } from "../cdm/mod.ts";

/** What a value is compared with. */
export interface Compared {
  /** Its name, for errors. */
  readonly name: string;
  readonly type: CdmType;
}

const INTEGER_RANGES = {
  integer: { min: -(2n ** 31n), max: 2n ** 31n - 1n },
  bigint: { min: -(2n ** 63n), max: 2n ** 63n - 1n },
} as const;

const EXAMPLES = {
  integer: "1970",
  bigint: '201826, or "9007199254740993" as a string beyond 2^53',
  numeric: '6.5, or "6.50" as a string',
  date: '"2020-12-31"',
  timestamp: '"2020-12-31T23:59:00"',
  varchar: '"E11.9"',
  text: '"some text"',
} as const;

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const TIMESTAMP = /^(\d{4}-\d{2}-\d{2})(?:[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?)?$/;
const DECIMAL = /^[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?$/;

/**
 * Checks a filter's value against its column's type.
 *
 * @param column The column it is compared with.
 * @param value The value as received.
 * @returns The text to bind as a parameter: exact with any driver; Postgres infers its type from the column.
 * @throws {OmcpError} `invalid_argument` with the column, its type and an example.
 */
export function bindValue(column: Compared, value: unknown): string {
  switch (column.type) {
    case "integer":
    case "bigint":
      return bindInteger(column, column.type, value);
    case "numeric":
      return bindNumeric(column, value);
    case "date":
      if (typeof value === "string" && isDate(value)) return value;
      break;
    case "timestamp": {
      const day = typeof value === "string" ? TIMESTAMP.exec(value)?.[1] : undefined;
      if (typeof value === "string" && day !== undefined && isDate(day)) return value;
      break;
    }
    case "varchar":
    case "text":
      // Postgres refuses NUL in text, with a message that does not name the column.
      if (typeof value === "string" && !value.includes("\0")) return value.toWellFormed();
  }
  throw unfit(column, value);
}

function bindInteger(column: Compared, type: "integer" | "bigint", value: unknown): string {
  const safe = typeof value === "number" && Number.isSafeInteger(value);
  const decimal = typeof value === "string" && /^[+-]?\d{1,19}$/.test(value);
  if (!safe && !decimal) throw unfit(column, value);
  const exact = BigInt(value);
  const { min, max } = INTEGER_RANGES[type];
  if (exact < min || exact > max) throw unfit(column, value);
  return exact.toString();
}

function bindNumeric(column: Compared, value: unknown): string {
  if (typeof value === "number" && Number.isFinite(value)) return String(value);
  if (typeof value === "string" && DECIMAL.test(value)) return value;
  throw unfit(column, value);
}

/**
 * Whether a text is a date that exists, as YYYY-MM-DD.
 *
 * @param text The text.
 */
export function isDate(text: string): boolean {
  const [, year, month, day] = (DATE.exec(text) ?? []).map(Number);
  if (year === undefined || month === undefined || day === undefined || year < 1) return false;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

function unfit(column: Compared, value: unknown): OmcpError {
  const shown = JSON.stringify(value)?.slice(0, 80) ?? "nothing";
  return new OmcpError(
    "invalid_argument",
    `Cannot compare ${column.name} (${column.type}) with ${shown}: must be ${kindOf(column)}`,
    {
      next: holdsConcepts(column) && typeof value === "string" && !/^\d+$/.test(value)
        ? "Pass a concept's id, such as 201826: search_concepts finds it by the concept's name."
        : `Pass a value such as ${EXAMPLES[column.type]}.`,
    },
  );
}

function holdsConcepts({ name, type }: Compared): boolean {
  return type === "bigint" && isConceptColumn(name);
}

function kindOf({ type }: Compared): string {
  switch (type) {
    case "integer":
      return "a 32-bit integer";
    case "bigint":
      return "a 64-bit integer, as a string if it exceeds 2^53";
    case "numeric":
      return "a number";
    case "date":
      return "a date as YYYY-MM-DD";
    case "timestamp":
      return "a date, or a date and time, in ISO form without a time zone";
    case "varchar":
    case "text":
      return "a string";
  }
}
