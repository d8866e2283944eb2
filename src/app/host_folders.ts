/** Folders of the machine that an operator may give to sandboxes or to the server. */

// deno-lint-ignore no-control-regex
const PATH = /^(?:\/[^/\u0000-\u001f\u007f,]+)+$/;

/** Folders with the machine's own secrets, devices or sockets, or with the data of all containers. */
const FORBIDDEN = [
  "/boot",
  "/dev",
  "/etc",
  "/proc",
  "/run",
  "/sys",
  "/var/lib/containerd",
  "/var/lib/containers",
  "/var/lib/docker",
  "/var/run",
] as const;
/** Folders with everybody's files: a folder inside them may be given. */
const TOO_WIDE: ReadonlySet<string> = new Set(["/home", "/root"]);

/**
 * Reads the path of a folder.
 *
 * @param text An absolute path; a slash at its end is dropped.
 * @returns The path; undefined if it is not absolute, or has `//`, `.`, `..`, a comma or control characters.
 */
export function folderPath(text: string): string | undefined {
  const folder = text.length > 1 ? text.replace(/\/$/, "") : text;
  if (folder !== "/" && !PATH.test(folder)) return undefined;
  return folder.split("/").some((part) => part === "." || part === "..") ? undefined : folder;
}

/**
 * Finds what makes a folder unfit.
 *
 * @param folder Its path.
 * @param others Files and folders of the server that it must keep apart from, such as the engine's socket.
 * @returns The end of a sentence about the folder; undefined if nothing does.
 */
export function folderProblem(folder: string, others: readonly (string | undefined)[]): string | undefined {
  if (folder === "/") return "must not be the whole machine";
  if (TOO_WIDE.has(folder)) return `must be a folder inside ${folder}, which has everybody's files`;
  const apart = [...FORBIDDEN, ...others.filter((path) => path !== undefined && path !== "")];
  const clash = apart.find((path) => path !== undefined && overlap(path, folder));
  return clash === undefined ? undefined : `must not be, contain or lie in ${clash}`;
}

function overlap(one: string, other: string): boolean {
  return `${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`);
}
