/** C1 controls and DEL, which terminals obey; characters that some readers treat as a line's end; characters that reorder text. */
const SPECIAL = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/**
 * Escapes characters that JSON allows but that could hide or forge a line on a screen: code in a sandbox chooses the names in
 * an SQL text.
 *
 * @param json JSON.
 * @returns JSON of the same value.
 */
export function escapedLine(json: string): string {
  return json.replace(SPECIAL, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
