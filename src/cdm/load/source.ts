import { counted } from "../../lib/counted.ts";
import { cdmTables, type CdmVersion } from "../../omop/cdm/mod.ts";
import { join } from "node:path";
import { SAMPLE_CDM_VERSION, SAMPLE_PERSONS, SAMPLE_SEED, sampleTables } from "../../omop/sample/mod.ts";
import type { AdminSession } from "./admin_session.ts";
import { readRecords } from "./csv_file.ts";
import type { CsvRecord } from "./csv.ts";
import { type CdmFile, detectVersion, scanFolder } from "./folder.ts";
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
  /** Copies all rows into the tables, which exist and are empty. */
  fill(target: LoadTarget): Promise<readonly TableReport[]>;
}

/** How to load a folder. */
export interface FolderOptions {
  /** The CDM's version; detected if absent. */
  readonly version?: CdmVersion;
  /** The folder for rejected rows, one CSV file per table; if absent, rows are only counted. */
  readonly rejectsFolder?: string;
}

/**
 * A folder of CDM files as a source.
 *
 * @param folder The folder.
 * @param options Version and rejects.
 * @returns The source; it has read the headers and no row.
 * @throws {OmcpError} `cdm_invalid` if the folder has no CDM.
 */
export async function folderSource(folder: string, options: FolderOptions = {}): Promise<CdmSource> {
  const found = await scanFolder(folder);
  const { version, by } = options.version === undefined
    ? await detectVersion(found)
    : { version: options.version, by: "(as requested)" };
  const tables = new Map(cdmTables(version).map((table) => [table.name, table]));
  const ignored = found.ignored.map(({ name, reason }) => `${name} (${reason})`);
  const work: { file: CdmFile; rows: RowReader }[] = [];
  for (const file of found.files) {
    const table = tables.get(file.table);
    if (table === undefined) ignored.push(`${file.table} (not a table of CDM ${version})`);
    else work.push({ file, rows: new RowReader(table, file.header.columns) });
  }
  return {
    version,
    description: `Loading ${counted(work.length, "file")} of ${folder} as CDM ${version} ${by}`,
    ignored,
    fill: async (target) => {
      const reports: TableReport[] = [];
      for (const { file, rows } of work) {
        const path = options.rejectsFolder === undefined
          ? undefined
          : join(options.rejectsFolder, `${file.table}.rejects.csv`);
        const rejects = new Rejects(file.header.columns, path);
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
  for await (const { records, suspect } of readRecords(file.path, file.header.dialect)) {
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
          elapsedMs,
        };
        onTable(report);
        return report;
      });
    },
  };
}
