/** How the fields of a file are written. */

/** The delimiters that a header may have. */
export const DELIMITERS = ["\t", ",", ";", "|"] as const;

/** One of {@link DELIMITERS}. */
export type Delimiter = (typeof DELIMITERS)[number];

/** The formats, by the names of `--format`. */
export const FILE_FORMATS = ["csv", "unquoted", "copy"] as const;

/**
 * What quotes and backslashes mean. `csv` (RFC 4180): quotes enclose fields. `unquoted`, as in Athena's vocabulary files: both are characters.
 * `copy`, the text format of PostgreSQL's COPY: a backslash begins an escape, and quotes are characters.
 */
export type FileFormat = (typeof FILE_FORMATS)[number];

/** How a file separates and encloses its fields. */
export interface Dialect {
  readonly delimiter: Delimiter;
  readonly format: FileFormat;
}

/** An unquoted field that is NULL in every format: no program writes it for anything else. */
export const NULL_MARKER = "\\N";

const DELIMITER_NAMES: Readonly<Record<Delimiter, string>> = {
  "\t": "TABs",
  ",": "commas",
  ";": "semicolons",
  "|": "bars",
};

const FORMAT_NAMES: Readonly<Record<FileFormat, string>> = {
  csv: "quotes enclose fields",
  unquoted: "quotes and backslashes are text",
  copy: "COPY's text format",
};

/**
 * Describes a dialect in a phrase.
 *
 * @param dialect The dialect.
 */
export function describeDialect({ delimiter, format }: Dialect): string {
  return `${DELIMITER_NAMES[delimiter]}, ${FORMAT_NAMES[format]}`;
}
