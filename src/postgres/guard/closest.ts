import { distance } from "fastest-levenshtein";

/** The most edits between two names that count as similar. */
const MAX_DISTANCE = 3;
/** Longest name compared, in letters: PostgreSQL's names are at most 63 bytes long. */
const MAX_LETTERS = 63;

/**
 * Finds the name that a misspelt one most resembles. The guard's worker reads no other folder of `src`.
 *
 * @param wrong The name as it was given.
 * @param names The names that exist, in lower case.
 * @returns The closest one, or undefined if none is close.
 */
export function closest(wrong: string, names: Iterable<string>): string | undefined {
  const given = wrong.slice(0, MAX_LETTERS).toLowerCase();
  let least = Math.min(MAX_DISTANCE, given.length / 2);
  let found: string | undefined;
  for (const name of names) {
    const edits = distance(given, name);
    if (found === undefined ? edits > least : edits >= least) continue;
    [least, found] = [edits, name];
  }
  return found;
}
