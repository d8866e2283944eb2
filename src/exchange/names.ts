/** Names of files in the exchange folder. A name has no folder in it, so that nobody can replace a folder on the way by a link. */
import { OmcpError } from "../errors.ts";
import { utf8Bytes } from "../lib/bytes.ts";

/** Linux's limit, in bytes of UTF-8. */
const MAX_NAME_BYTES = 255;

/** How the names of partly written exports begin and end. */
export const PARTIAL = { prefix: ".omcp-export-", suffix: ".part" } as const;

/**
 * Checks a file's name.
 *
 * @param name The name, untrusted.
 * @returns What is wrong with it, as the end of a sentence; undefined for a name that can be used.
 */
export function nameProblem(name: string): string | undefined {
  if (name === "") return "is empty";
  if (/[/\\]/.test(name)) return "must be a single name, without a folder";
  // A leading dot would hide it; a leading hyphen looks like an option to programs.
  if (/^[.-]/.test(name)) return "must not begin with a dot or a hyphen";
  // Control and formatting characters, lone surrogates: people would see another name.
  if (/\p{C}/u.test(name)) return "has characters that cannot be seen";
  if (utf8Bytes(name) > MAX_NAME_BYTES) return `has more than ${MAX_NAME_BYTES} bytes`;
  return undefined;
}

/**
 * Throws unless a file's name can be used.
 *
 * @param name The name, untrusted.
 * @throws {OmcpError} `invalid_argument`.
 */
export function requireName(name: string): void {
  const problem = nameProblem(name);
  if (problem === undefined) return;
  throw new OmcpError("invalid_argument", `The name in the exchange folder ${problem}`, {
    next: "Pass the name of a file in the exchange folder, such as data.csv.",
  });
}
