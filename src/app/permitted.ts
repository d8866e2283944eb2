import type { ReadVariable } from "./config.ts";

/**
 * The environment as far as this process may read it: the older flags of a client's configuration name fewer variables.
 *
 * @param read Looks up a variable.
 * @returns The same; undefined for a variable that may not be read.
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
