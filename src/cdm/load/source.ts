import { counted } from "../../lib/counted.ts";
import { cdmTables, type CdmVersion } from "../../omop/cdm/mod.ts";
import { join } from "node:path";
import { SAMPLE_CDM_VERSION, SAMPLE_PERSONS, SAMPLE_SEED, sampleTables } from "../../omop/sample/mod.ts";
import type { AdminSession } from "./admin_session.ts";
import { readRecords } from "./csv_file.ts";
import type { CsvRecord } from "./csv.ts";
import { type ByTable, forTable } from "./by_table.ts";
import { detectVersion } from "./cdm_version.ts";
import { describeDialect, type FileFormat } from "./dialect.ts";
import { type CdmFile, scanFolder } from "./folder.ts";
import { refused } from "./refused.ts";
import { type RejectCount, Rejects } from "./rejects.ts";
import { RowReader } from "./row_reader.ts";
import { TableWriter } from "./table_writer.ts";

/** How many rows of one table were loaded and rejected. */
export interface TableReport {
  /** The table. */
  readonly table: string;
  /** Rows that were read: the loaded and the rejected ones. */
  readonly read: number;
  /** Rows that are in the table. */
  readonly loaded: number;
  /** Rows that were rejected. */
  readonly rejected: number;
  /** The rejected rows by reason, most rows first. */
  readonly rejects: readonly RejectCount[];
  /** Columns of the file that the table does not have. */
  readonly unknownColumns: readonly string[];
  /** What was cut or decided: sentences without a final period. */
  readonly notes: readonly string[];
  /** Milliseconds. */
  readonly elapsedMs: number;
}

/** Where a source loads its rows. */
export interface LoadTarget {
  /** A session in the load's transaction. */
  readonly session: AdminSession;
  /** The schema with the empty tables. */
  readonly schema: string;
  /** Called when a table is loaded. */
  readonly onTable: (report: TableReport) => void;
  /** Cancels the load. */
  readonly signal: AbortSignal;
}

/** A CDM to load. */
export interface CdmSource {
  /** Its CDM version. */
  readonly version: CdmVersion;
  /** A sentence about it, without its final period. */
  readonly description: string;
  /** The parts that are not loaded, with the reason. */
  readonly ignored: readonly string[];
  /** How the files were read: sentences without a final period. */
  readonly formats: readonly string[];
  /** Copies all rows into the tables, which exist and are empty. */
  fill(target: LoadTarget): Promise<readonly TableReport[]>;
}

/** How to load a folder. */
export interface FolderOptions {
  /** The CDM's version; detected if absent. */
  readonly version?: CdmVersion;
  /** The folder for rejected rows, one CSV file per table; if absent, rows are only counted. */
  readonly rejectsFolder?: string;
  /** What quotes and backslashes mean; detected if absent. */
  readonly formats?: ByTable<FileFormat>;
  /** The words for NULL; only words such as NA in columns of numbers and dates if absent. */
  readonly nullWords?: ByTable<string>;
  /** Whether to cut texts to their columns' lengths instead of rejecting their rows. @default {false} */
  readonly truncate?: boolean;
}

/**
 * A folder of CDM files as a source.
 *
 * @param folder The folder.
 * @param options Version and rejects.
 * @returns The source; it has read the headers and no row.
 * @throws {OmcpError} `cdm_invalid` if the folder has no CDM, a file with two readings, or rows without a required column.
 */
export async function folderSource(folder: string, options: FolderOptions = {}): Promise<CdmSource> {
  const found = await scanFolder(folder, options.formats);
  const { version, by } = options.version === undefined
    ? await detectVersion(found)
    : { version: options.version, by: "(as requested)" };
  const tables = new Map(cdmTables(version).map((table) => [table.name, table]));
  const ignored = found.ignored.map(({ name, reason }) => `${name} (${reason})`);
  const work: { file: CdmFile; rows: RowReader }[] = [];
  for (const file of found.files) {
    const table = tables.get(file.table);
    if (table === undefined) {
      ignored.push(`${file.table} (not a table of CDM ${version})`);
      continue;
    }
    const nullWord = forTable(options.nullWords, file.table);
    const rows = new RowReader(table, file.columns, {
      truncate: options.truncate === true,
      wordsAreText: file.dialect.format === "copy",
      ...(nullWord === undefined ? {} : { nullWord }),
    });
    work.push({ file, rows });
  }
  await requireColumns(work, version);
  return {
    version,
    description: `Loading ${counted(work.length, "file")} of ${folder} as CDM ${version} ${by}`,
    ignored,
    formats: formatLines(work.map(({ file }) => file)),
    fill: async (target) => {
      const reports: TableReport[] = [];
      for (const { file, rows } of work) {
        const path = options.rejectsFolder === undefined
          ? undefined
          : join(options.rejectsFolder, `${file.table}.rejects.csv`);
        const rejects = new Rejects(file.columns, path);
        try {
          const report = await loadFile({ file, rows, rejects }, target);
          reports.push(report);
          target.onTable(report);
        } finally {
          rejects.close();
        }
      }
      return reports;
    },
  };
}

/** Refuses files with rows that lack a required column, before any row is loaded. */
async function requireColumns(
  work: readonly { readonly file: CdmFile; readonly rows: RowReader }[],
  version: CdmVersion,
): Promise<void> {
  const lacking: string[] = [];
  for (const { file, rows } of work) {
    if (rows.missing.length > 0 && await hasRows(file)) {
      lacking.push(`${file.table} (${rows.missing.join(", ")})`);
    }
  }
  if (lacking.length === 0) return;
  throw refused(
    `${counted(lacking.length, "file")} without columns that CDM ${version} requires: ${lacking.join("; ")}`,
    "Add the columns, or remove the files; if the files have another CDM version, pass --cdm-version.",
  );
}

async function hasRows(file: CdmFile): Promise<boolean> {
  for await (const { records } of readRecords(file, file.dialect)) if (records.length > 0) return true;
  return false;
}

/** One sentence for each dialect. */
function formatLines(files: readonly CdmFile[]): string[] {
  const tables = new Map<string, string[]>();
  for (const { table, dialect } of files) {
    const name = describeDialect(dialect);
    tables.set(name, [...tables.get(name) ?? [], table]);
  }
  return [...tables].map(([name, list]) => `Read with ${name}: ${list.join(", ")}`);
}

interface FileWork {
  readonly file: CdmFile;
  readonly rows: RowReader;
  readonly rejects: Rejects;
}

async function loadFile({ file, rows, rejects }: FileWork, target: LoadTarget): Promise<TableReport> {
  const started = performance.now();
  const { session, schema, signal } = target;
  const writer = new TableWriter<CsvRecord>({
    session,
    schema,
    table: file.table,
    columns: rows.columns,
    onRefused: (record, sqlstate) => rejects.add(record, { reason: `refused by the database (${sqlstate})` }),
  });
  let read = 0;
  for await (const { records, suspect } of readRecords(file, file.dialect)) {
    signal.throwIfAborted();
    read += records.length;
    for (const record of records) {
      const row = rows.read(record, suspect);
      if (typeof row !== "string") {
        rejects.add(record, row);
        continue;
      }
      const full = writer.add(row, record);
      if (full !== undefined) await full;
    }
  }
  await writer.end();
  return {
    table: file.table,
    read,
    loaded: writer.loaded,
    rejected: rejects.rows,
    rejects: rejects.counts(),
    unknownColumns: rows.unknown,
    notes: rows.notes(),
    elapsedMs: performance.now() - started,
  };
}

/**
 * A synthetic population as a source.
 *
 * @param options The number of persons, and the seed.
 * @returns The source, of CDM 5.4.
 * @throws {OmcpError} `invalid_argument` if an option is out of range.
 */
export function sampleSource(options: { readonly persons?: number; readonly seed?: number } = {}): CdmSource {
  const { persons = SAMPLE_PERSONS, seed = SAMPLE_SEED } = options;
  // Checks the options now, not during the load.
  const chunks = sampleTables({ persons, seed });
  return {
    version: SAMPLE_CDM_VERSION,
    description: `Generating ${persons} synthetic persons from seed ${seed} as CDM ${SAMPLE_CDM_VERSION}`,
    ignored: [],
    formats: [],
    fill: async ({ session, schema, onTable, signal }) => {
      const totals = new Map<string, { rows: number; elapsedMs: number }>();
      for (const { table, columns, rows, text } of chunks) {
        signal.throwIfAborted();
        const started = performance.now();
        const writer = new TableWriter<undefined>({
          session,
          schema,
          table,
          columns,
          onRefused: (_, sqlstate) => {
            throw new Error(`The generator created a row that ${table} refuses (${sqlstate})`);
          },
        });
        await writer.add(text.slice(0, -1), undefined);
        await writer.end();
        const total = totals.get(table) ?? { rows: 0, elapsedMs: 0 };
        total.rows += rows;
        total.elapsedMs += performance.now() - started;
        totals.set(table, total);
      }
      return [...totals].map(([table, { rows, elapsedMs }]) => {
        const report: TableReport = {
          table,
          read: rows,
          loaded: rows,
          rejected: 0,
          rejects: [],
          unknownColumns: [],
          notes: [],
          elapsedMs,
        };
        onTable(report);
        return report;
      });
    },
  };
}
