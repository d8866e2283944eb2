/** The statements that concept tools run: authored here, with every value as a parameter. */
import { sql } from "kysely";
import { type Statement, statement } from "../sql_compiler.ts";
import type { ConceptSet } from "./concept_set.ts";
import { conceptColumns, conceptSetMembers, idArray, table } from "./concept_set_sql.ts";

/**
 * Concepts by id.
 *
 * @param ids Their ids.
 * @param schema The schema of the CDM's tables.
 * @returns Rows for `conceptOf`, in no order.
 */
export function conceptsById(ids: readonly number[], schema: string): Statement {
  return statement(
    sql`select ${conceptColumns()} from ${table(schema, "concept")} as c where c.concept_id = any(${
      idArray(ids)
    })`,
  );
}

/** The most rows of {@link mapsTo}. */
export const MOST_MAPPINGS = 1000;

/**
 * What non-standard concepts map to.
 *
 * @param ids Their ids.
 * @param schema The schema of the CDM's tables.
 * @returns Rows for `conceptOf` of the targets, each with the source's id after it.
 */
export function mapsTo(ids: readonly number[], schema: string): Statement {
  return statement(
    sql`select ${conceptColumns()}, r.concept_id_1 from ${table(schema, "concept_relationship")} as r
join ${table(schema, "concept")} as c on c.concept_id = r.concept_id_2
where r.concept_id_1 = any(${idArray(ids)}) and r.relationship_id = 'Maps to' and r.invalid_reason is null
and r.concept_id_1 <> r.concept_id_2 order by c.concept_id limit cast(${MOST_MAPPINGS} as bigint)`,
  );
}

/**
 * How large a set is, by kind of its members.
 *
 * @param set The set.
 * @param schema The schema of the CDM's tables.
 * @returns Rows of domain, standard_concept, whether invalid (0 or 1), and members; domain is null for members that `concept` lacks.
 */
export function setTotals(set: ConceptSet, schema: string): Statement {
  return statement(sql`select c.domain_id, c.standard_concept,
case when c.invalid_reason is null or c.invalid_reason = '' then 0 else 1 end, count(*)
from (${conceptSetMembers(set, schema)}) as m left join ${
    table(schema, "concept")
  } as c on c.concept_id = m.concept_id
group by 1, 2, 3 order by 4 desc`);
}

/**
 * Identifies the members of a set: the MD5 of their ids in ascending order, separated by commas.
 *
 * @param set The set.
 * @param schema The schema of the CDM's tables.
 * @returns One row with the MD5, null for an empty set.
 */
export function setFingerprint(set: ConceptSet, schema: string): Statement {
  return statement(
    sql`select md5(string_agg(cast(m.concept_id as text), ',' order by m.concept_id)) from (${
      conceptSetMembers(set, schema)
    }) as m`,
  );
}

/**
 * Members of a set: those in use first, the most used first.
 *
 * @param set The set.
 * @param schema The schema of the CDM's tables.
 * @param options Ids in use, the most used first; and the most rows.
 * @returns Rows of the member's id and the columns for `conceptOf`, which are null if `concept` lacks it.
 */
export function setMembers(
  set: ConceptSet,
  schema: string,
  { used, limit }: { readonly used: readonly number[]; readonly limit: number },
): Statement {
  return statement(sql`select m.concept_id, ${conceptColumns()} from (${conceptSetMembers(set, schema)}) as m
left join ${table(schema, "concept")} as c on c.concept_id = m.concept_id
left join unnest(${idArray(used)}) with ordinality as u(id, place) on u.id = m.concept_id
order by u.place nulls last, m.concept_id limit cast(${limit} as bigint)`);
}

/**
 * Valid descendants of concepts, without themselves; up to a cap for each, because a top concept has millions.
 *
 * @param ids The ancestors.
 * @param schema The schema of the CDM's tables.
 * @param cap The most for each; one with that many may have more.
 * @returns Rows of ancestor and descendant.
 */
export function descendantsOf(ids: readonly number[], schema: string, cap: number): Statement {
  return statement(sql`select i.id, d.id from unnest(${idArray(ids)}) as i(id)
cross join lateral (
  select a.descendant_concept_id as id from ${table(schema, "concept_ancestor")} as a
  join ${table(schema, "concept")} as c on c.concept_id = a.descendant_concept_id
  where a.ancestor_concept_id = i.id and a.descendant_concept_id <> i.id and c.invalid_reason is null
  limit cast(${cap} as bigint)
) as d`);
}

/**
 * Descendants that a CDM has of an ancestor that it may lack, the nearest first.
 *
 * @param id The ancestor's id.
 * @param schema The schema of the CDM's tables.
 * @param limit The most rows.
 * @returns Rows for `conceptOf`.
 */
export function knownDescendants(id: number, schema: string, limit: number): Statement {
  return statement(sql`select ${conceptColumns()} from ${table(schema, "concept_ancestor")} as a
join ${table(schema, "concept")} as c on c.concept_id = a.descendant_concept_id
where a.ancestor_concept_id = cast(${id} as bigint) and c.concept_id <> a.ancestor_concept_id and c.invalid_reason is null
order by a.min_levels_of_separation, c.concept_id limit cast(${limit} as bigint)`);
}

/**
 * Other names of concepts.
 *
 * @param ids Their ids.
 * @param schema The schema of the CDM's tables.
 * @returns Rows of id and name.
 */
export function synonymsOf(ids: readonly number[], schema: string): Statement {
  return statement(
    sql`select concept_id, concept_synonym_name from ${
      table(schema, "concept_synonym")
    } where concept_id = any(${idArray(ids)}) order by 1, 2`,
  );
}

/**
 * Descendants in use of all concepts.
 *
 * @param used Concepts in use.
 * @param schema The schema of the CDM's tables.
 * @returns Rows of ancestor and descendant, without the concepts themselves.
 */
export function usedDescendants(used: readonly number[], schema: string): Statement {
  return statement(
    sql`select ancestor_concept_id, descendant_concept_id from ${table(schema, "concept_ancestor")}
join unnest(${
      idArray(used)
    }) as u(id) on u.id = descendant_concept_id where ancestor_concept_id <> descendant_concept_id`,
  );
}

/** By direction: the columns of `a` for a concept itself and for its relatives. */
const ENDS = {
  ancestors: ["a.descendant_concept_id", "a.ancestor_concept_id"],
  descendants: ["a.ancestor_concept_id", "a.descendant_concept_id"],
} as const;

/** In which direction a hierarchy is followed. */
export type Direction = keyof typeof ENDS;

/**
 * Relatives of a concept, the nearest first.
 *
 * @param id The concept.
 * @param direction Which.
 * @param schema The schema of the CDM's tables.
 * @param limit The most rows.
 * @returns Rows for `conceptOf`, each with the least number of levels after it.
 */
export function relatives(id: number, direction: Direction, schema: string, limit: number): Statement {
  const [own, other] = ENDS[direction];
  return statement(
    sql`select ${conceptColumns()}, a.min_levels_of_separation from ${table(schema, "concept_ancestor")} as a
join ${table(schema, "concept")} as c on c.concept_id = ${sql.ref(other)}
where ${sql.ref(own)} = cast(${id} as bigint) and c.concept_id <> cast(${id} as bigint)
order by a.min_levels_of_separation, c.concept_name, c.concept_id limit cast(${limit} as bigint)`,
  );
}

/**
 * How many relatives a concept has at each level.
 *
 * @param id The concept.
 * @param direction Which.
 * @param schema The schema of the CDM's tables.
 * @returns Rows of the least number of levels, relatives, and those of them that `concept` lacks.
 */
export function relativeCounts(id: number, direction: Direction, schema: string): Statement {
  const [own, other] = ENDS[direction];
  return statement(
    sql`select a.min_levels_of_separation, count(*), count(*) filter (where c.concept_id is null)
from ${table(schema, "concept_ancestor")} as a
left join ${table(schema, "concept")} as c on c.concept_id = ${sql.ref(other)}
where ${sql.ref(own)} = cast(${id} as bigint) and ${sql.ref(other)} <> cast(${id} as bigint)
group by 1 order by 1 limit 100`,
  );
}

/**
 * Valid relationships of a concept; those between a concept and itself say nothing.
 *
 * @param id The concept.
 * @param schema The schema of the CDM's tables.
 * @param limit The most rows.
 * @returns Rows for `conceptOf` of the other concept, each with the relationship after it; mappings first.
 */
export function relationships(id: number, schema: string, limit: number): Statement {
  return statement(
    sql`select ${conceptColumns()}, r.relationship_id from ${table(schema, "concept_relationship")} as r
join ${table(schema, "concept")} as c on c.concept_id = r.concept_id_2
where r.concept_id_1 = cast(${id} as bigint) and r.concept_id_2 <> r.concept_id_1 and r.invalid_reason is null
order by case r.relationship_id when 'Maps to' then 0 when 'Maps to value' then 1 when 'Mapped from' then 2 else 3 end,
  r.relationship_id, c.concept_name, c.concept_id limit cast(${limit} as bigint)`,
  );
}
