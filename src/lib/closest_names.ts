import { distance } from "fastest-levenshtein";

/** Characters of the given name that are compared: a hint is for a typing error, and very long input must not cost time. */
const MAX_COMPARED = 64;

/** Other words for statistics, tables and groups, letters only, and the names that OMOP and SQL have for them. */
const SYNONYMS: ReadonlyMap<string, string> = new Map([
  ...["mean", "average"].map((word) => [word, "avg"] as const),
  ...["std", "stdev", "sd", "standarddeviation", "stddevsamp"].map((word) => [word, "stddev"] as const),
  ...["total"].map((word) => [word, "sum"] as const),
  ...["minimum", "least", "lowest"].map((word) => [word, "min"] as const),
  ...["maximum", "greatest", "highest"].map((word) => [word, "max"] as const),
  ...["middle", "percentilecont", "quantile"].map((word) => [word, "median"] as const),
  ...["conditions", "condition", "diagnosis", "diagnoses"].map((word) =>
    [word, "condition_occurrence"] as const
  ),
  ...["drugs", "drug", "medications", "prescriptions"].map((word) => [word, "drug_exposure"] as const),
  ...["visits", "visit", "encounters"].map((word) => [word, "visit_occurrence"] as const),
  ...["procedures", "procedure"].map((word) => [word, "procedure_occurrence"] as const),
  ...["labs", "lab", "measurements"].map((word) => [word, "measurement"] as const),
  ...["patients", "patient", "persons", "people"].map((word) => [word, "person"] as const),
  ["sex", "gender"],
  ...["women", "woman", "f"].map((word) => [word, "female"] as const),
  ...["men", "man", "m"].map((word) => [word, "male"] as const),
  ...["size", "rows", "length", "len", "n"].map((word) => [word, "count"] as const),
]);

/** Other words for a count of distinct values, which has an argument of its own. */
const DISTINCT = /^(?:countdistinct|distinctcount|distinct|nunique|countunique|uniquecount|unique)$/;

/**
 * The name that a word for the same thing means, such as `avg` for "mean": neither resembles the other.
 *
 * @param wrong The word that a caller wrote.
 * @param names The names that exist.
 * @returns The name, with the argument that it needs; undefined if the word is not a synonym of one.
 */
export function synonymOf(wrong: string, names: readonly string[]): string | undefined {
  const word = wrong.slice(0, MAX_COMPARED).toLowerCase().replace(/[^a-z]/g, "");
  if (DISTINCT.test(word)) return names.includes("count") ? 'count with "distinct": true' : undefined;
  const name = SYNONYMS.get(word);
  return name !== undefined && names.includes(name) ? name : undefined;
}

/**
 * The names closest to a misspelt one, for the hint of an error.
 *
 * @param wrong The name that a caller wrote.
 * @param names The names that exist.
 * @param limit The most names to return, 3 by default.
 * @returns First the names that have every word of the given one, as condition_start_date has those of condition_date. Then names within an edit
 * distance (Levenshtein's) of a third of the length, and names that contain the given one or are contained in it. Within each kind, the closest
 * come first.
 */
export function closestNames(wrong: string, names: Iterable<string>, limit = 3): readonly string[] {
  const given = wrong.slice(0, MAX_COMPARED).toLowerCase();
  const furthest = Math.max(2, Math.floor(given.length / 3));
  const words = wordsOf(given);
  return [...names]
    .map(function compare(name) {
      const parts = wordsOf(name.toLowerCase());
      const hasWords = words.length > 1 && words.every((word) => parts.includes(word));
      return { name, hasWords, edits: distance(given, name.toLowerCase()) };
    })
    .filter(({ name, hasWords, edits }) =>
      hasWords || edits <= furthest || (given.length >= 3 && (name.includes(given) || given.includes(name)))
    )
    .sort((left, right) => Number(right.hasWords) - Number(left.hasWords) || left.edits - right.edits)
    .slice(0, limit)
    .map(({ name }) => name);
}

function wordsOf(name: string): readonly string[] {
  return name.split(/[^a-z0-9]+/).filter((word) => word !== "");
}
