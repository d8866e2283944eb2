import { join } from "node:path";
import { OmcpError } from "../../errors.ts";
import {
  CDM_VERSIONS,
  type CdmTable,
  cdmTables,
  type CdmVersion,
  cdmVersionIn,
  DEFAULT_CDM_VERSION,
} from "../../omop/cdm/mod.ts";
import { type CsvHeader, readHeader, readRecords } from "./csv_file.ts";

/** The file of one table. */
export interface CdmFile {
  readonly table: string;
  readonly path: string;
  readonly header: CsvHeader;
}

/** What is in a folder. */
export interface CdmFolder {
  /** At most one per table, in the order of their names. */
  readonly files: readonly CdmFile[];
  /** Ignored entries, with the reason. */
  readonly ignored: readonly { readonly name: string; readonly reason: string }[];
}

const FILE_NAME = /^(?<table>[a-z0-9_]+)\.(?:csv|tsv|txt)(?:\.gz)?$/i;

/**
 * Finds the files of a CDM: named like its tables in any case, `.csv`, `.tsv` or `.txt`, gzipped or not.
 *
 * @param folder The folder; its subfolders are ignored.
 * @returns The files and the ignored entries.
 * @throws {OmcpError} `cdm_invalid` if the folder cannot be read, has no file of a CDM, or two files for one table.
 */
export async function scanFolder(folder: string): Promise<CdmFolder> {
  const known = new Set(CDM_VERSIONS.flatMap((version) => cdmTables(version).map(({ name }) => name)));
  const files = new Map<string, CdmFile>();
  const ignored: { name: string; reason: string }[] = [];
  for (const name of await list(folder)) {
    const path = join(folder, name);
    const table = FILE_NAME.exec(name)?.groups?.["table"]?.toLowerCase();
    const isFile = (await Deno.stat(path)).isFile;
    if (!isFile || table === undefined || !known.has(table)) {
      ignored.push({ name, reason: isFile ? "not named like a table of the CDM" : "not a file" });
      continue;
    }
    const other = files.get(table);
    if (other !== undefined) {
      throw new OmcpError("cdm_invalid", `Table ${table} has two files: ${other.path} and ${path}`, {
        state: "Nothing was loaded.",
        next: "Remove one of them from the folder.",
      });
    }
    const header = await readHeader(path);
    if (header === undefined) ignored.push({ name, reason: "empty" });
    else files.set(table, { table, path, header });
  }
  if (files.size === 0) {
    throw new OmcpError("cdm_invalid", `Folder ${folder} has no CDM file`, {
      state: "Nothing was loaded.",
      next: "Pass the folder that has person.csv (or person.csv.gz) and the other tables.",
    });
  }
  return { files: [...files.values()], ignored };
}

/**
 * Detects the CDM's version: from `cdm_source`, else from its files and columns, else the default.
 *
 * @param folder What is in the folder.
 * @returns The version and how it was detected.
 */
export async function detectVersion(
  folder: CdmFolder,
): Promise<{ readonly version: CdmVersion; readonly by: string }> {
  const stated = await statedVersion(folder.files.find(({ table }) => table === "cdm_source"));
  if (stated !== undefined) return { version: stated, by: "(as cdm_source says)" };
  const older = misfits(folder, "5.3");
  const newer = misfits(folder, "5.4");
  if (older === newer) {
    return { version: DEFAULT_CDM_VERSION, by: "(the default; the folder does not show its version)" };
  }
  return { version: older < newer ? "5.3" : "5.4", by: "(by its files and columns)" };
}

async function statedVersion(file: CdmFile | undefined): Promise<CdmVersion | undefined> {
  const at = file?.header.columns.findIndex((name) => name.toLowerCase() === "cdm_version") ?? -1;
  if (file === undefined || at < 0) return undefined;
  for await (const { records } of readRecords(file.path, file.header.dialect)) {
    for (const { fields } of records) {
      const stated = cdmVersionIn(fields[at] ?? "");
      if (stated !== undefined) return stated;
    }
  }
  return undefined;
}

/** How many files and columns a version does not have. */
function misfits(folder: CdmFolder, version: CdmVersion): number {
  const tables = new Map<string, CdmTable>(cdmTables(version).map((table) => [table.name, table]));
  let count = 0;
  for (const { table, header } of folder.files) {
    const columns = tables.get(table)?.columns.map(({ name }) => name);
    if (columns === undefined) count += 1;
    else count += header.columns.filter((name) => !columns.includes(name.toLowerCase())).length;
  }
  return count;
}

async function list(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (!name.startsWith(".")) names.push(name);
    }
  } catch (error) {
    throw new OmcpError("cdm_invalid", `Cannot read folder ${folder}`, {
      state: "Nothing was loaded.",
      next: "Check its path and that it is a folder.",
      cause: error,
    });
  }
  return names.sort();
}
