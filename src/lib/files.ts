/**
 * Reads a text file, or returns another text if the file cannot be read.
 *
 * @param path The file.
 * @param otherwise The other text.
 */
export async function readTextOr(path: string, otherwise: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch {
    return otherwise;
  }
}

/**
 * Whether a file or folder exists and this process may inspect it.
 *
 * @param path Its path.
 */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}
