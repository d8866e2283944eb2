/**
 * Reads JSON from an untrusted source; a schema then checks it.
 *
 * @param text The text.
 * @returns The value; undefined if the text is not JSON.
 */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
