/** How messages show the name or path of a file: names come from code in a sandbox, or from a user, and may hold anything. */

/** A path that reads as one word; any other is shown as a JSON string, which a caller can copy into an argument. */
const PLAIN = /^[\p{L}\p{N}_.+@%=~/-]+$/u;
/** What a reader cannot see, or would not copy exactly: controls, formatting, unusual spaces. */
const UNSEEN = /(?! )[\p{C}\p{Z}]/gu;
const NOT_ASCII = /\P{ASCII}/gu;

/**
 * A path as results show it.
 *
 * @param path The path.
 * @returns The path itself, or as {@link quotedPath} has it.
 */
export function shownPath(path: string): string {
  return isComposed(path) && PLAIN.test(path) ? path : quotedPath(path);
}

/**
 * A path in quotation marks.
 *
 * @param path The path.
 * @returns A JSON string in which everything can be seen and copied.
 */
export function quotedPath(path: string): string {
  return JSON.stringify(path).replace(isComposed(path) ? UNSEEN : NOT_ASCII, escaped);
}

/** Two names can look alike if a letter is one character in one and several in the other: a reader who copies one may write the other. */
function isComposed(path: string): boolean {
  return path === path.normalize("NFC");
}

function escaped(character: string): string {
  return character.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
}
