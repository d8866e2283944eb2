/** Outcomes as SQL. */
import { type RawBuilder, sql } from "kysely";
import { cdmTables, type CdmVersion } from "../cdm/mod.ts";
import { type ConceptSet, conceptSetMembers, usageColumns } from "../concepts/mod.ts";
import { eventDate } from "../query/event_date.ts";

/** What is looked for: a cohort's SELECT, a concept set, or death. */
export type Outcome =
  | { readonly kind: "cohort"; readonly select: RawBuilder<unknown> }
  | { readonly kind: "events"; readonly set: ConceptSet }
  | { readonly kind: "death" };

/** The CDM, as far as events depend on it. */
export interface EventSource {
  readonly schema: string;
  readonly version: CdmVersion;
  /** The tables that there are. */
  readonly relations: ReadonlySet<string>;
}

/** What is not an event: facts about a person, and a cause of death. */
const NO_EVENTS: ReadonlySet<string> = new Set(["person", "death"]);

/**
 * `outcome(person_id, o_start, o_end)`, each once. A record without a date is not an outcome.
 *
 * @param outcome What is looked for.
 * @param source The CDM.
 * @param among The common table expression with the persons that matter.
 */
export function outcomeRows(outcome: Outcome, source: EventSource, among: string): RawBuilder<unknown> {
  return sql`outcome as (
  select distinct x.person_id, x.o_start, greatest(x.o_end, x.o_start) as o_end from (${
    selectOf(outcome, source)
  }) as x
  where x.o_start is not null and x.person_id in (select person_id from ${sql.id(among)})
)`;
}

function selectOf(outcome: Outcome, source: EventSource): RawBuilder<unknown> {
  switch (outcome.kind) {
    case "cohort":
      return sql`select q.person_id, q.cohort_start_date as o_start, q.cohort_end_date as o_end from (${outcome.select}) as q`;
    case "death":
      return sql`select person_id, death_date as o_start, death_date as o_end from ${
        sql.id(source.schema, "death")
      }`;
    case "events":
      return sql`select person_id, o_date as o_start, o_date as o_end from (${
        eventsOf(outcome.set, source)
      }) as v`;
  }
}

/**
 * The records of a concept set in the clinical tables' standard columns.
 *
 * @param set The set.
 * @param source The CDM.
 * @returns A SELECT of person_id and o_date, the date on which a record starts.
 */
export function eventsOf(set: ConceptSet, { schema, version, relations }: EventSource): RawBuilder<unknown> {
  const members = sql`select concept_id from (${conceptSetMembers(set, schema)}) as m`;
  const selects = usageColumns(version).flatMap(({ table, column, source }) => {
    const definition = cdmTables(version).find(({ name }) => name === table);
    const date = definition === undefined ? undefined : eventDate(definition);
    if (source || date === undefined || NO_EVENTS.has(table) || !relations.has(table)) return [];
    return [
      sql`select person_id, ${sql.id(date)} as o_date from ${sql.id(schema, table)} where ${
        sql.id(column)
      } in (${members})`,
    ];
  });
  return selects.length === 0
    ? sql`select cast(null as bigint) as person_id, cast(null as date) as o_date where false`
    : sql.join(selects, sql` union all `);
}
