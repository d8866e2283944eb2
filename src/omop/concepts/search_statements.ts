/** The statements by which concepts are searched, and the search's index is filled: authored here, with every value as a parameter. */
import { type RawBuilder, sql } from "kysely";
import { type Statement, statement } from "../sql_compiler.ts";
import { conceptColumns, idArray, table } from "./concept_set_sql.ts";
import type { Facets } from "./words.ts";

/**
 * Concepts with a code, in any vocabulary.
 *
 * @param code The code, in any case.
 * @param schema The schema of the CDM's tables.
 * @param limit The most rows.
 * @returns Rows for `conceptOf`, standard concepts first.
 */
export function conceptsByCode(code: string, schema: string, limit: number): Statement {
  // Sites index the code as it is; most codes are in upper case.
  return statement(sql`select ${conceptColumns()} from ${table(schema, "concept")} as c
where c.concept_code in (${code}, upper(${code}), lower(${code}))
order by c.standard_concept = 'S' desc nulls last, c.concept_id limit cast(${limit} as bigint)`);
}

/**
 * Every concept with its other names, the most important first: standard ones, those with more records, short names.
 *
 * @param schema The schema of the CDM's tables.
 * @param options Concepts in use with their records; whether there is `concept_synonym`.
 * @returns Statements, one after the other: standard concepts in use, which a database with the usual indexes finds at once; all others,
 * which it has to sort. Their rows are for `conceptOf`, each with its synonyms after it: one in a line, null for none.
 */
export function everyConcept(schema: string, { used, synonyms }: {
  readonly used: readonly (readonly [id: number, records: number])[];
  readonly synonyms: boolean;
}): readonly Statement[] {
  const inUse = sql`unnest(${idArray(used.map(([id]) => id))}, ${
    idArray(used.map(([, records]) => records))
  }) as u(id, n)`;
  const names = (of: RawBuilder<unknown>): RawBuilder<unknown> =>
    synonyms
      ? sql`left join (select concept_id, string_agg(concept_synonym_name, E'\\n') as names from ${
        table(schema, "concept_synonym")
      } ${of} group by 1) as s on s.concept_id = c.concept_id`
      : sql`cross join (select cast(null as text) as names) as s`;
  const concepts = sql`select ${conceptColumns()}, s.names from ${table(schema, "concept")} as c`;
  const order = sql`u.n desc nulls last, char_length(c.concept_name), c.concept_id`;
  return [
    statement(
      sql`${concepts} join ${inUse} on u.id = c.concept_id ${
        names(sql`where concept_id in (select u.id from ${inUse})`)
      } where c.standard_concept = 'S' order by ${order}`,
    ),
    statement(sql`${concepts} left join ${inUse} on u.id = c.concept_id ${names(sql``)}
where u.id is null or c.standard_concept is distinct from 'S'
order by c.standard_concept = 'S' desc nulls last, ${order}`),
  ];
}

/**
 * Searches names without an index: reads every name.
 *
 * @param words Words that a name must contain; letters and digits only.
 * @param schema The schema of the CDM's tables.
 * @param options What narrows it, whether there is `concept_synonym`, and the most rows.
 * @returns Rows for `conceptOf`, standard concepts and short names first.
 */
export function scanNames(words: readonly string[], schema: string, options: {
  readonly facets: Facets;
  readonly synonyms: boolean;
  readonly limit: number;
}): Statement {
  const { facets, synonyms, limit } = options;
  const patterns = sql`cast(${`{${words.map((word) => `"%${word}%"`).join(",")}}`} as text[])`;
  const others = synonyms
    ? sql`or c.concept_id in (select concept_id from ${
      table(schema, "concept_synonym")
    } where concept_synonym_name ilike all(${patterns}))`
    : sql``;
  return statement(sql`select ${conceptColumns()} from ${table(schema, "concept")} as c
where (c.concept_name ilike all(${patterns}) ${others})${facetConditions(facets)}
order by c.standard_concept = 'S' desc nulls last, char_length(c.concept_name), c.concept_id limit cast(${limit} as bigint)`);
}

function facetConditions({ domain, vocabulary, concept_class, standard }: Facets): RawBuilder<unknown> {
  const columns = { domain_id: domain, vocabulary_id: vocabulary, concept_class_id: concept_class };
  const conditions = Object.entries(columns).flatMap(([column, value]) =>
    value === undefined ? [] : [sql` and lower(${sql.ref(`c.${column}`)}) = lower(${value})`]
  );
  return sql`${sql.join(conditions, sql``)}${standard ? sql` and c.standard_concept = 'S'` : sql``}`;
}
