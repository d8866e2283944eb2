/** MIME types of files, by their names: for clients; nothing in the server depends on them. */

const TYPES: Readonly<Record<string, string>> = {
  csv: "text/csv",
  tsv: "text/tab-separated-values",
  txt: "text/plain",
  log: "text/plain",
  md: "text/markdown",
  html: "text/html",
  json: "application/json",
  ipynb: "application/x-ipynb+json",
  py: "text/x-python",
  sql: "application/sql",
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  svg: "image/svg+xml",
  pdf: "application/pdf",
  parquet: "application/vnd.apache.parquet",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  zip: "application/zip",
};

/**
 * The MIME type of a file.
 *
 * @param path Its path.
 * @returns The type; undefined if its name does not say.
 */
export function fileType(path: string): string | undefined {
  const extension = /\.(\w{1,10})$/.exec(path)?.[1]?.toLowerCase() ?? "";
  return Object.hasOwn(TYPES, extension) ? TYPES[extension] : undefined;
}
