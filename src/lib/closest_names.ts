import { distance } from "fastest-levenshtein";

/** Characters of the given name that are compared: a hint is for a typing error, and absurd input must not cost time. */
const MAX_COMPARED = 64;

/**
 * The names closest to a misspelt one, for the hint of an error.
 *
 * @param wrong The name as it was given.
 * @param names The names that exist.
 * @param limit The most names to return, 3 by default.
 * @returns The names within an edit distance (Levenshtein's) of a third of the length, or that contain the given one or are
 * contained in it, closest first.
 */
export function closestNames(wrong: string, names: Iterable<string>, limit = 3): readonly string[] {
  const given = wrong.slice(0, MAX_COMPARED).toLowerCase();
  const furthest = Math.max(2, Math.floor(given.length / 3));
  return [...names]
    .map((name) => ({ name, edits: distance(given, name.toLowerCase()) }))
    .filter(({ name, edits }) =>
      edits <= furthest || (given.length >= 3 && (name.includes(given) || given.includes(name)))
    )
    .sort((left, right) => left.edits - right.edits)
    .slice(0, limit)
    .map(({ name }) => name);
}
