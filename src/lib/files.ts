/**
 * Reads a text file, or gives something else where that is not possible.
 *
 * @param path The file.
 * @param otherwise What is returned instead.
 */
export async function readTextOr(path: string, otherwise: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch {
    return otherwise;
  }
}

/**
 * Whether there is a file or folder that may be looked at.
 *
 * @param path Where.
 */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}
