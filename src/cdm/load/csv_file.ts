import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { OmcpError } from "../../errors.ts";
import { type CsvDialect, CsvParser, type CsvRecord } from "./csv.ts";
import { Utf8Reader } from "./utf8.ts";
import { errorMessage } from "../../lib/error_message.ts";

/** What the first line of a file shows. */
export interface CsvHeader {
  readonly columns: readonly string[];
  readonly dialect: CsvDialect;
}

/** Records that are read together. */
export interface CsvBatch {
  readonly records: readonly CsvRecord[];
  /** True once the file had bytes that are not UTF-8. */
  readonly suspect: boolean;
}

/** The longest header, in characters. */
const MAX_HEADER_CHARACTERS = 64 * 1024;
const DELIMITERS = ["\t", ",", ";", "|"] as const;

/**
 * Reads a file's header.
 *
 * @param path The file; gunzipped if its name ends in `.gz`.
 * @returns The header, or undefined if the file is empty.
 * @throws {OmcpError} `cdm_invalid` if it cannot be read, or is not text.
 */
export async function readHeader(path: string): Promise<CsvHeader | undefined> {
  const utf8 = new Utf8Reader();
  let text = "";
  let whole = true;
  for await (const bytes of readBytes(path)) {
    text += utf8.push(bytes);
    whole = false;
    if (/[^\r\n][\r]?\n/.test(text)) break;
    if (text.length > MAX_HEADER_CHARACTERS) {
      throw unreadable(path, "its first line is too long for a header");
    }
    whole = true;
  }
  if (whole) text += utf8.end();
  const [line = ""] = text.trimStart().split(/\r?\n/, 1);
  if (line === "") return undefined;
  if (line.includes("\0") || line.includes("\uFFFD")) throw unreadable(path, "it is not text in UTF-8");
  const dialect = dialectOf(line);
  const parser = new CsvParser(dialect);
  const [record] = [...parser.push(`${line}\n`), ...parser.end()];
  return { columns: (record?.fields ?? []).map((field) => (field ?? "").trim()), dialect };
}

/**
 * Reads a file's records without its header.
 *
 * @param path The file.
 * @param dialect As {@link readHeader} found it.
 * @returns Batches of records, some tens of kilobytes of text each.
 * @throws {OmcpError} `cdm_invalid` if the file is damaged.
 */
export async function* readRecords(path: string, dialect: CsvDialect): AsyncGenerator<CsvBatch, void, void> {
  const utf8 = new Utf8Reader();
  const parser = new CsvParser(dialect);
  let skipped = false;
  function batch(records: CsvRecord[]): CsvBatch {
    if (!skipped && records.length > 0) {
      skipped = true;
      records = records.slice(1);
    }
    return { records, suspect: utf8.invalid };
  }
  try {
    for await (const bytes of readBytes(path)) yield batch(parser.push(utf8.push(bytes)));
    yield batch([...parser.push(utf8.end()), ...parser.end()]);
  } catch (error) {
    if (error instanceof OmcpError && !error.message.includes(path)) {
      throw unreadable(path, error.message, error);
    }
    throw error;
  }
}

/** The file's bytes; an error names the file. */
async function* readBytes(path: string): AsyncGenerator<Uint8Array, void, void> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (error) {
    throw unreadable(path, errorMessage(error), error);
  }
  if (!path.toLowerCase().endsWith(".gz")) {
    yield* file.readable;
    return;
  }
  // Not DecompressionStream: it stops after the first member, and large files often have many.
  const source = Readable.from(file.readable);
  const gunzip = createGunzip();
  source.on("error", (error) => gunzip.destroy(error));
  source.pipe(gunzip);
  try {
    for await (const chunk of gunzip) yield chunk;
  } catch (error) {
    throw unreadable(path, errorMessage(error), error);
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

/** The most frequent delimiter of the header; a header with TABs and without quotes belongs to a file without quoting. */
function dialectOf(line: string): CsvDialect {
  let delimiter: CsvDialect["delimiter"] = ",";
  let most = 0;
  for (const candidate of DELIMITERS) {
    const parts = line.split(candidate).length - 1;
    if (parts > most) [delimiter, most] = [candidate, parts];
  }
  return { delimiter, quotes: delimiter !== "\t" || line.includes('"') };
}

function unreadable(path: string, reason: string, cause?: unknown): OmcpError {
  return new OmcpError("cdm_invalid", `Cannot read ${path}: ${reason}`, {
    state: "Nothing was loaded.",
    next: "Fix the file, or remove it from the folder.",
    ...(cause === undefined ? {} : { cause }),
  });
}
