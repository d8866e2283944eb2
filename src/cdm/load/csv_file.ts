import { OmcpError } from "../../errors.ts";
import { CsvParser, type CsvRecord, DOUBLE_THE_QUOTES, ESCAPED_QUOTE } from "./csv.ts";
import { FormatDetector } from "./detect_format.ts";
import { type Delimiter, DELIMITERS, type Dialect, type FileFormat } from "./dialect.ts";
import { type FilePath, readText, unreadable } from "./file_text.ts";
import { refused } from "./refused.ts";

/** What the first line of a file shows. */
export interface CsvHeader {
  readonly columns: readonly string[];
  readonly delimiter: Delimiter;
  /** Whether a name is enclosed in quotes: then fields are, too. */
  readonly quoted: boolean;
}

/** Records that are read together. */
export interface CsvBatch {
  readonly records: readonly CsvRecord[];
  /** True once the file had bytes that are not UTF-8. */
  readonly suspect: boolean;
}

/** The table that a file is named after, in all versions of the CDM. */
export interface TableColumns {
  readonly table: string;
  /** Its columns' names; whether each holds numbers or dates. */
  readonly columns: ReadonlyMap<string, { readonly text: boolean }>;
}

/** The longest header, in characters. */
const MAX_HEADER_CHARACTERS = 64 * 1024;

/**
 * Reads a file's header.
 *
 * @param file The file.
 * @param table The table that it is named after.
 * @returns The header, or undefined if the file is empty.
 * @throws {OmcpError} `cdm_invalid`, without any value of the file, if it cannot be read, is not text, or has no header.
 */
export async function readHeader(file: FilePath, table: TableColumns): Promise<CsvHeader | undefined> {
  const { path } = file;
  let text = "";
  for await (const piece of readText(file)) {
    text += piece.text;
    if (/[^\r\n]\r?\n/.test(text)) break;
    if (text.length > MAX_HEADER_CHARACTERS) break;
  }
  const [line = ""] = text.trimStart().split(/\r?\n/, 1);
  if (line === "") return undefined;
  if (line.includes("\0") || line.includes("\uFFFD")) throw unreadable(path, "it is not text in UTF-8");
  if (line.replace(/\r$/, "").includes("\r")) {
    throw unreadable(path, "its lines end with CR alone; convert them to LF");
  }
  if (line.length > MAX_HEADER_CHARACTERS) throw unreadable(path, "its first line is too long for a header");
  return headerOf(line, table) ?? headerMissing(path, table);
}

/**
 * Finds out what quotes and backslashes mean in a file.
 *
 * @param file The file, which is read whole if TABs or bars separate its fields.
 * @param header Its header.
 * @param table The table that it is named after.
 * @returns The format.
 * @throws {OmcpError} `cdm_invalid` if two readings fit, with the line and what to pass.
 */
export async function detectFormat(
  file: FilePath,
  header: CsvHeader,
  { table, columns }: TableColumns,
): Promise<FileFormat> {
  // Among commas and semicolons quotes enclose fields by convention.
  if (header.quoted || header.delimiter === "," || header.delimiter === ";") return "csv";
  const values = header.columns.flatMap((name, at) =>
    columns.get(name.toLowerCase())?.text === false ? [at] : []
  );
  const detector = new FormatDetector(header.delimiter, header.columns.length, values);
  for await (const { text } of readText(file)) detector.push(text);
  const detected = detector.end();
  if ("format" in detected) return detected.format;
  if ("escapedQuote" in detected) {
    throw refused(
      `Cannot read ${file.path}: ${ESCAPED_QUOTE} at line ${detected.escapedQuote}`,
      DOUBLE_THE_QUOTES,
    );
  }
  const choices = detected.formats.map((format) => `--format ${table}=${format} (${MEANINGS[format]})`);
  throw refused(
    `Two readings of ${file.path} fit, and differ from line ${detected.line} on: ${detected.ambiguous}`,
    `Pass ${choices.join(" or ")}.`,
  );
}

const MEANINGS: Readonly<Record<FileFormat, string>> = {
  csv: "quotes enclose fields",
  unquoted: "quotes and backslashes are text",
  copy: "backslashes begin escapes",
};

/**
 * Reads a file's records without its header.
 *
 * @param file The file.
 * @param dialect Its delimiter and format.
 * @returns Batches of records, some tens of kilobytes of text each.
 * @throws {OmcpError} `cdm_invalid` if the file is damaged.
 */
export async function* readRecords(file: FilePath, dialect: Dialect): AsyncGenerator<CsvBatch, void, void> {
  const parser = new CsvParser(dialect);
  let skipped = false;
  function batch(records: CsvRecord[], suspect: boolean): CsvBatch {
    if (skipped || records.length === 0) return { records, suspect };
    skipped = true;
    return { records: records.slice(1), suspect };
  }
  try {
    let invalid = false;
    for await (const { text, suspect } of readText(file)) {
      invalid = suspect;
      yield batch(parser.push(text), suspect);
    }
    yield batch(parser.end(), invalid);
  } catch (error) {
    if (error instanceof OmcpError && !error.message.includes(file.path)) {
      const found = unreadable(file.path, error.message, error);
      throw error.next === undefined ? found : found.with({ next: error.next });
    }
    throw error;
  }
}

/** The header with the delimiter that gives most columns of the table; undefined if none gives one. */
function headerOf(line: string, { columns }: TableColumns): CsvHeader | undefined {
  const quoted = line.includes('"');
  let best: CsvHeader | undefined;
  let most = 0;
  for (const delimiter of DELIMITERS) {
    const parser = new CsvParser({ delimiter, format: quoted ? "csv" : "unquoted" });
    const [record] = parser.push(`${line}\n`);
    const names = (record?.fields ?? []).map((field) => (field ?? "").trim());
    const known = names.filter((name) => columns.has(name.toLowerCase())).length;
    if (known > most) [best, most] = [{ columns: names, delimiter, quoted }, known];
  }
  return best;
}

function headerMissing(path: string, { table }: TableColumns): never {
  throw refused(
    `Cannot read ${path}: it has no header; its first line names no column of ${table}`,
    "Add a first line with the names of the columns, with the file's delimiter between them.",
  );
}
