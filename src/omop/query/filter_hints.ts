/** What to write in place of fields that a caller may expect in a query: `define_cohort` has a field for concepts, a query has conditions. */
import { SET_NAMES } from "../concepts/mod.ts";

const VALUE = '"op": "in_concept_set", "value": {"items": [{"concept_id": …, "include_descendants": true}]}';
const FILTERS = `write "filters": [{"column": …, ${VALUE}}]`;
const NAMES = [...SET_NAMES, "concept_id", "concept_ids", "include_descendants"];

/** Fields of a condition → what to write. */
export const CONDITION_HINTS: ReadonlyMap<string, string> = new Map(
  NAMES.map((name) => [name, `write ${VALUE}`]),
);

/** Fields of what has filters, a query or a criterion of persons, → what to write. */
export const FILTERS_HINTS: ReadonlyMap<string, string> = new Map(NAMES.map((name) => [name, FILTERS]));

/** Arguments of a query, and fields of its conditions by their path, → what to write. */
export const QUERY_HINTS: ReadonlyMap<string, string> = new Map([
  ...FILTERS_HINTS,
  ...[...CONDITION_HINTS].map(([name, hint]) => [`filters.${name}`, hint] as const),
]);

/** The same, with the criteria of persons, which a query of rows has. */
export const ROW_QUERY_HINTS: ReadonlyMap<string, string> = new Map([
  ...QUERY_HINTS,
  ...[...FILTERS_HINTS].map(([name, hint]) => [`persons.with.${name}`, hint] as const),
]);
