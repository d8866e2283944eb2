/** Loading a CDM into a Postgres: from a folder of files, or synthetic. */
export { type KeyLeftOut, type KeyReport } from "./keys.ts";
export { loadCdm, type LoadOptions, type LoadReport } from "./load.ts";
export { headLine, keyLines, tableLines, totalLine } from "./report.ts";
export type { RejectCount } from "./rejects.ts";
export {
  type CdmSource,
  type FolderOptions,
  folderSource,
  type LoadTarget,
  sampleSource,
  type TableReport,
} from "./source.ts";
export type { ByTable } from "./by_table.ts";
export { FILE_FORMATS, type FileFormat } from "./dialect.ts";
