/** Concept sets as SQL, with the semantics of circe (OHDSI/circe-be, ConceptSetExpressionQueryBuilder). */
import { type RawBuilder, sql } from "kysely";
import { CONCEPT_COLUMNS } from "./concept.ts";
import type { ConceptSet, ConceptSetItem } from "./concept_set.ts";

/**
 * The members of a set as a SELECT with one column, `concept_id`, each id once; for `column in (…)`.
 *
 * Included are the concepts that `concept` has, their descendants that are valid (`invalid_reason is null`), and the concepts with
 * a valid `Maps to` to one of those, whether `concept` has them or not. The excluded concepts are found in the same way, and taken away. A descendant
 * that `concept` lacks is not a member.
 *
 * @param set The set.
 * @param schema The schema of the CDM's tables.
 * @returns The SELECT. Its parameters are array literals, as texts.
 */
export function conceptSetMembers(set: ConceptSet, schema: string): RawBuilder<{ concept_id: string }> {
  const included = set.items.filter(({ exclude }) => exclude !== true);
  const excluded = set.items.filter(({ exclude }) => exclude === true);
  if (excluded.length === 0) return members(included, schema);
  return sql`(${members(included, schema)}) except (${members(excluded, schema)})`;
}

/**
 * Ids as one parameter: a list of parameters would make a statement of each length.
 *
 * @param ids Concept ids.
 * @returns An expression of type `bigint[]`.
 */
export function idArray(ids: readonly number[]): RawBuilder<readonly string[]> {
  return sql`cast(${`{${ids.join(",")}}`} as bigint[])`;
}

function members(items: readonly ConceptSetItem[], schema: string): RawBuilder<{ concept_id: string }> {
  const mapped = items.filter(({ include_mapped }) => include_mapped === true);
  const direct = withDescendants(items, schema);
  if (mapped.length === 0) return direct;
  return sql`${direct} union select r.concept_id_1 from ${table(schema, "concept_relationship")} as r
join (${withDescendants(mapped, schema)}) as m on m.concept_id = r.concept_id_2
where r.relationship_id = 'Maps to' and r.invalid_reason is null`;
}

function withDescendants(
  items: readonly ConceptSetItem[],
  schema: string,
): RawBuilder<{ concept_id: string }> {
  const concepts = table(schema, "concept");
  const ids = items.map(({ concept_id }) => concept_id);
  const ancestors = items.filter(({ include_descendants }) => include_descendants === true)
    .map(({ concept_id }) => concept_id);
  const named = sql<
    { concept_id: string }
  >`select c.concept_id from ${concepts} as c where c.concept_id = any(${idArray(ids)})`;
  if (ancestors.length === 0) return named;
  return sql`${named} union select c.concept_id from ${concepts} as c
join ${table(schema, "concept_ancestor")} as a on a.descendant_concept_id = c.concept_id
where a.ancestor_concept_id = any(${idArray(ancestors)}) and c.invalid_reason is null`;
}

/**
 * A table of the CDM with its schema.
 *
 * @param schema The schema.
 * @param name The table's name.
 * @returns The name, quoted.
 */
export function table(schema: string, name: string): RawBuilder<unknown> {
  return sql`${sql.id(schema, name)}`;
}

/** The columns of `c`, an alias of `concept`, in the order that `conceptOf` reads. */
export function conceptColumns(): RawBuilder<unknown> {
  return sql.join(CONCEPT_COLUMNS.map((name) => sql.ref(`c.${name}`)));
}
