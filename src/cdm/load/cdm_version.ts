import {
  type CdmTable,
  cdmTables,
  type CdmVersion,
  cdmVersionIn,
  DEFAULT_CDM_VERSION,
} from "../../omop/cdm/mod.ts";
import { readRecords } from "./csv_file.ts";
import type { CdmFile, CdmFolder } from "./folder.ts";
import { refused } from "./refused.ts";

/** A CDM's version, and how it was detected. */
export interface DetectedVersion {
  readonly version: CdmVersion;
  /** In brackets, for the report. */
  readonly by: string;
}

/** The text of a version, which the report may quote: `cdm_version` of `cdm_source` is about the CDM, not about a person. */
const QUOTABLE = /^[\w .+-]{1,20}$/;
/** Rows of `cdm_source` that are read: it has one. */
const MAX_ROWS = 100;

/**
 * Detects the CDM's version: from `cdm_source`, else from its files and columns, else the default.
 *
 * @param folder What is in the folder.
 * @returns The version and how it was detected; also the version in `cdm_source`, if this program does not know it.
 * @throws {OmcpError} `cdm_invalid` if `cdm_source` names two versions.
 */
export async function detectVersion(folder: CdmFolder): Promise<DetectedVersion> {
  const { known, unknown } = await statedVersions(folder.files.find(({ table }) => table === "cdm_source"));
  const [stated, other] = known;
  if (other !== undefined) {
    throw refused(
      `cdm_source names two versions: ${known.join(" and ")}`,
      "Pass the files' version with --cdm-version.",
    );
  }
  if (stated !== undefined) return { version: stated, by: "(as cdm_source says)" };
  const note = unknown === undefined ? "" : `; cdm_source names ${unknown}, which is not supported`;
  const older = misfits(folder, "5.3");
  const newer = misfits(folder, "5.4");
  if (older === newer) {
    return { version: DEFAULT_CDM_VERSION, by: `(the default; the folder does not show its version${note})` };
  }
  return { version: older < newer ? "5.3" : "5.4", by: `(by its files and columns${note})` };
}

async function statedVersions(
  file: CdmFile | undefined,
): Promise<{ readonly known: readonly CdmVersion[]; readonly unknown: string | undefined }> {
  const known = new Set<CdmVersion>();
  let unknown: string | undefined;
  const at = file?.columns.findIndex((name) => name.toLowerCase() === "cdm_version") ?? -1;
  if (file === undefined || at < 0) return { known: [], unknown };
  let rows = 0;
  for await (const { records } of readRecords(file, file.dialect)) {
    for (const { fields } of records) {
      const text = fields[at]?.trim() ?? "";
      const version = cdmVersionIn(text);
      if (version !== undefined) known.add(version);
      else if (text !== "") unknown ??= QUOTABLE.test(text) ? `version "${text}"` : "another version";
    }
    rows += records.length;
    if (rows > MAX_ROWS) break;
  }
  return { known: [...known].sort(), unknown };
}

/** How many files and columns a version does not have. */
function misfits(folder: CdmFolder, version: CdmVersion): number {
  const tables = new Map<string, CdmTable>(cdmTables(version).map((table) => [table.name, table]));
  let count = 0;
  for (const { table, columns } of folder.files) {
    const known = tables.get(table)?.columns.map(({ name }) => name);
    if (known === undefined) count += 1;
    else count += columns.filter((name) => !known.includes(name.toLowerCase())).length;
  }
  return count;
}
