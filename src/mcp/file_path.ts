/** Paths of files in a sandbox: the argument of tools, and how results show one. */
import * as z from "zod";

/** A path that reads as one word; any other is shown as a JSON string, which a caller can copy into an argument. */
const PLAIN = /^[\p{L}\p{N}_.+@%=~/-]+$/u;
/** What a reader cannot see, or would not copy exactly: controls, formatting, unusual spaces. */
const UNSEEN = /(?! )[\p{C}\p{Z}]/gu;
const NOT_ASCII = /\P{ASCII}/gu;
const MAX_CHARACTERS = 4096;

/**
 * The schema of a path. It also accepts a path in the form that {@link shownPath} shows. The agent checks what the path leads to.
 *
 * @param description What the path is for.
 */
export function pathSchema(description: string): z.ZodString {
  return z.string().overwrite(unquoted).min(1).max(MAX_CHARACTERS).describe(description);
}

/** What a JSON string says; any other text as it is. */
function unquoted(path: string): string {
  if (!/^".*"$/s.test(path)) return path;
  try {
    return z.string().parse(JSON.parse(path));
  } catch {
    return path;
  }
}

/**
 * A path as results show it. Names come from code in the sandbox and may hold anything.
 *
 * @param path The path.
 * @returns The path itself, or a JSON string without controls.
 */
export function shownPath(path: string): string {
  // Two names can look alike, with a letter of one character or of several: who copies one may write the other.
  const composed = path === path.normalize("NFC");
  if (composed && PLAIN.test(path)) return path;
  return JSON.stringify(path).replace(composed ? UNSEEN : NOT_ASCII, escaped);
}

function escaped(character: string): string {
  return character.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
}

/**
 * A path below /workspace without the prefix, as lists show it.
 *
 * @param path A path as a caller gave it.
 */
export function relativePath(path: string): string {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  if (path.startsWith("/") && names[0] === "workspace") names.shift();
  else if (path.startsWith("/")) return `/${names.join("/")}`;
  return names.join("/");
}
