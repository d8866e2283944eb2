/** Reads the audit in a folder of a test's own. */
import { join } from "node:path";
import { auditFiles } from "../../../src/observability/audit_files.ts";

/** Fields of a line. */
export type Line = Readonly<Record<string, unknown>>;

/**
 * Reads an audit.
 *
 * @param folder The folder.
 * @returns The lines of each file, the oldest file first.
 */
export function linesOf(folder: string): readonly (readonly Line[])[] {
  return pathsOf(folder).map((path) => textsOf(path).map((line): Line => JSON.parse(line)));
}

/** Lists the files of an audit, the oldest first. @param folder The folder. */
export function pathsOf(folder: string): readonly string[] {
  return auditFiles(folder).map((name) => join(folder, name));
}

/** Reads the complete lines of a file. @param path The file. */
export function textsOf(path: string): readonly string[] {
  return Deno.readTextFileSync(path).split("\n").slice(0, -1);
}
