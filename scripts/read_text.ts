/** Reads a file by its path relative to the project's folder: undefined if it does not exist, empty for a folder. */
export type ReadText = (path: string) => string | undefined;

const ROOT = new URL("../", import.meta.url);

/**
 * Reads a file of this project; see {@link ReadText}.
 *
 * @param path The file, relative to the project's folder.
 */
export function readText(path: string): string | undefined {
  try {
    const url = new URL(path, ROOT);
    return Deno.statSync(url).isDirectory ? "" : Deno.readTextFileSync(url);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
