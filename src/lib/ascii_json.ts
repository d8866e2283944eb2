/**
 * Writes JSON in ASCII only, whose quoted form is also a Python string literal. Python would read a character beyond the basic plane, bare
 * or escaped in the outer quotes, as two lone surrogates.
 *
 * @param value What JSON can hold.
 */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
