/**
 * The names closest to a misspelt one, for the hint of an error.
 *
 * @param wrong The name as it was given.
 * @param names The names that exist.
 * @param limit The most names to return, 3 by default.
 * @returns The names within an edit distance of a third of the length, or that contain the given one or are contained in it, closest first.
 */
export function closestNames(wrong: string, names: Iterable<string>, limit = 3): readonly string[] {
  // A hint is for a slip of the pen; this bounds the work for absurd input.
  const given = wrong.slice(0, 64).toLowerCase();
  const scored: { readonly name: string; readonly score: number }[] = [];
  for (const name of names) {
    const distance = editDistance(given, name.toLowerCase());
    const related = given.length >= 3 && (name.includes(given) || given.includes(name));
    if (related || distance <= Math.max(2, Math.floor(given.length / 3))) {
      scored.push({ name, score: distance });
    }
  }
  scored.sort(function byScore(left, right) {
    return left.score - right.score;
  });
  return scored.slice(0, limit).map(function toName(entry) {
    return entry.name;
  });
}

/** Levenshtein's distance, two rows at a time. */
function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, function index(_, at) {
    return at;
  });
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1] ? 0 : 1;
      current.push(Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + same,
      ));
    }
    previous = current;
  }
  return previous[right.length] ?? 0;
}
