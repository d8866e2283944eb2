import type { ReadVariable } from "./config.ts";

/**
 * Reads variables that Deno may not permit this process to read: an older client configuration has flags for fewer variables.
 *
 * @param read Looks up a variable.
 * @returns The same function, which returns undefined for a variable that is not permitted.
 */
export function permitted(read: ReadVariable): ReadVariable {
  return (name) => {
    try {
      return read(name);
    } catch {
      return undefined;
    }
  };
}
