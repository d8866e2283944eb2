import { join, sep } from "node:path";
import { CDM_VERSIONS, cdmTables, isTextType } from "../../omop/cdm/mod.ts";
import { type ByTable, forTable } from "./by_table.ts";
import { detectFormat, readHeader, type TableColumns } from "./csv_file.ts";
import type { Dialect, FileFormat } from "./dialect.ts";
import type { FilePath } from "./file_text.ts";
import { refused } from "./refused.ts";

/** The file of one table. */
export interface CdmFile extends FilePath {
  readonly table: string;
  readonly columns: readonly string[];
  readonly dialect: Dialect;
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
 * @param formats What the user knows about the files; detected if absent.
 * @returns The files and the ignored entries.
 * @throws {OmcpError} `cdm_invalid` if the folder cannot be read, has no file of a CDM or has two files for one table, and if a file has no header,
 * has two readings or is a symbolic link out of the folder.
 */
export async function scanFolder(folder: string, formats?: ByTable<FileFormat>): Promise<CdmFolder> {
  const known = knownTables();
  const found = new Map<string, string>();
  const files: CdmFile[] = [];
  const ignored: { name: string; reason: string }[] = [];
  const { root, entries } = await list(folder);
  for (const name of entries) {
    const path = join(folder, name);
    const table = known.get(FILE_NAME.exec(name)?.groups?.["table"]?.toLowerCase() ?? "");
    if (table === undefined) {
      ignored.push({ name, reason: "not named like a table of the CDM" });
      continue;
    }
    const realPath = await resolveWithin(root, path);
    if (realPath === undefined) {
      ignored.push({ name, reason: "not a file" });
      continue;
    }
    const other = found.get(table.table);
    if (other !== undefined) {
      throw refused(
        `Table ${table.table} has two files: ${other} and ${path}`,
        "Remove one of them from the folder.",
      );
    }
    const file = { path, realPath };
    const header = await readHeader(file, table);
    if (header === undefined) {
      ignored.push({ name, reason: "empty" });
      continue;
    }
    found.set(table.table, path);
    const format = forTable(formats, table.table) ?? await detectFormat(file, header, table);
    const { columns, delimiter } = header;
    files.push({ ...file, table: table.table, columns, dialect: { delimiter, format } });
  }
  if (files.length === 0) {
    if (isSynthea(entries)) {
      throw refused(
        `Folder ${folder} has Synthea's own files, such as patients.csv, and no CDM file`,
        "Convert them to an OMOP CDM with OHDSI's ETL-Synthea, which loads them into a Postgres: serve that by its URL, or pass a folder with its tables as CSV files.",
      );
    }
    throw refused(
      `Folder ${folder} has no CDM file`,
      "Pass the folder that has person.csv (or person.csv.gz) and the other tables.",
    );
  }
  return { files, ignored };
}

/** Whether a folder has what Synthea's CSV exporter writes: the files that it writes for any population. */
function isSynthea(names: readonly string[]): boolean {
  const stems = new Set(names.map((name) => name.toLowerCase().replace(/\.csv(?:\.gz)?$/, "")));
  return stems.has("patients") && stems.has("encounters");
}

/** The tables of all versions with their columns. */
function knownTables(): Map<string, TableColumns> {
  const known = new Map<string, TableColumns>();
  for (const { name: table, columns } of CDM_VERSIONS.flatMap((version) => cdmTables(version))) {
    const all = new Map(known.get(table)?.columns);
    for (const { name, type } of columns) all.set(name, { text: isTextType(type) });
    known.set(table, { table, columns: all });
  }
  return known;
}

/** Follows symbolic links to a file in the folder; undefined for anything but a file. */
async function resolveWithin(root: string, path: string): Promise<string | undefined> {
  let realPath: string;
  try {
    realPath = await Deno.realPath(path);
  } catch (error) {
    throw refused(`Cannot read ${path}`, "Remove it from the folder, or make it readable.", error);
  }
  if (!realPath.startsWith(root.endsWith(sep) ? root : root + sep)) {
    throw refused(
      `${path} is a symbolic link out of the folder, which the load does not follow`,
      "Copy the file into the folder, or remove the link.",
    );
  }
  return (await Deno.stat(realPath)).isFile ? realPath : undefined;
}

async function list(folder: string): Promise<{ readonly root: string; readonly entries: readonly string[] }> {
  const entries: string[] = [];
  let root: string;
  try {
    root = await Deno.realPath(folder);
    for await (const { name } of Deno.readDir(root)) {
      if (!name.startsWith(".")) entries.push(name);
    }
  } catch (error) {
    throw refused(`Cannot read folder ${folder}`, "Check its path and that it is a folder.", error);
  }
  return { root, entries: entries.sort() };
}
