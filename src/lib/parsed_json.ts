/**
 * Reads JSON that nobody vouches for; a schema then says whether it is what was expected.
 *
 * @param text The text.
 * @returns The value; undefined where the text is not JSON.
 */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
