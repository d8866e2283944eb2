/** Reads a file by its path from the project's folder: undefined where there is none, empty for a folder. */
export type ReadText = (path: string) => string | undefined;

const ROOT = new URL("../", import.meta.url);

/**
 * Reads a file of this project, as {@link ReadText} says.
 *
 * @param path The file, from the project's folder.
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
