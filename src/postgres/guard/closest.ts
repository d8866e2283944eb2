/** More letters than that apart, names are not alike. */
const MAX_DISTANCE = 3;
/** Longest name compared, in letters: PostgreSQL's names are at most 63 bytes long. */
const MAX_LETTERS = 63;

/**
 * Finds the name that a misspelt one most resembles. The guard's worker reads no other folder, so it has its own.
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

/** Levenshtein's: letters to put in, take out or change. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let at = 1; at <= one.length; at += 1) {
    const next = [at];
    for (let to = 1; to <= other.length; to += 1) {
      const changed = (row[to - 1] ?? 0) + (one[at - 1] === other[to - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[to] ?? 0) + 1, (next[to - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
