/** C1 controls and DEL, which a terminal obeys; what readers may take for the end of a line; what reorders text. */
const SPECIAL = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/**
 * Escapes what JSON need not escape, and what would hide or forge a line where it is shown: names in an SQL text come from
 * code in a sandbox.
 *
 * @param json JSON.
 * @returns JSON of the same value.
 */
export function escapedLine(json: string): string {
  return json.replace(SPECIAL, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
