/** Paths of files in a sandbox as the argument of tools. */
import * as z from "zod";

const MAX_CHARACTERS = 4096;

/**
 * The schema of a path. It also accepts a path in the form that `shownPath` shows. The agent checks what the path leads to.
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
