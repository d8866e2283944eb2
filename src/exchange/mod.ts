/** The exchange folder: files of the host that the server reads and writes for a model. */
export { ExchangeFolder, type FileWriter, type NewFileOptions } from "./folder.ts";
export type { SourceFile } from "./source_file.ts";
