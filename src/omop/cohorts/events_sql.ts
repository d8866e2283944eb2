import { type RawBuilder, sql } from "kysely";
import { conceptSetMembers } from "../concepts/mod.ts";
import { idArray } from "../concepts/concept_set_sql.ts";
import { listed } from "../query/listed.ts";
import { eventEnd, eventTable } from "./event_tables.ts";
import type { EventCriteria } from "./expression.ts";

/**
 * The events of a criterion, as circe finds them.
 *
 * @param events The criterion.
 * @param schema The schema of the CDM's tables.
 * @param person The person whose events are wanted, where the SELECT is a subquery about one. @default everybody's
 * @returns A SELECT of person_id, event_key (orders events of a day), start_date, end_date (may be before start_date or null if the
 * table's is).
 */
export function eventsSelect(
  events: EventCriteria,
  schema: string,
  person?: RawBuilder<unknown>,
): RawBuilder<unknown> {
  const { table, cohort, concepts, first, dates, value, units } = events;
  const { concept, key, start } = eventTable(table);
  const of = (name: string) => sql.ref(`e.${name}`);
  const inSet = concepts === undefined || concept === undefined
    ? []
    : [sql`${of(concept)} in (${conceptSetMembers(concepts, schema)})`];
  const chosen = person === undefined
    ? inSet
    // `is true` keeps PostgreSQL from joining the set, which would read it again for each person.
    : [sql`${of("person_id")} = ${person}`, ...inSet.map((one) => sql`(${one}) is true`)];
  const kept = [
    ...(dates.from === undefined ? [] : [sql`${of(start)} >= cast(${dates.from} as date)`]),
    ...(dates.to === undefined ? [] : [sql`${of(start)} <= cast(${dates.to} as date)`]),
    ...(value.min === undefined
      ? []
      : [sql`${of("value_as_number")} >= cast(${String(value.min)} as numeric)`]),
    ...(value.max === undefined
      ? []
      : [sql`${of("value_as_number")} <= cast(${String(value.max)} as numeric)`]),
    ...(units === undefined ? [] : [sql`${of("unit_concept_id")} = any(${idArray(units)})`]),
  ];
  const columns = sql`select ${of("person_id")}, ${of(key)} as event_key, ${of(start)} as start_date, ${
    eventEnd(table, "e")
  } as end_date`;
  const from = sql`${cohort === undefined ? sql.id(schema, table) : sql`(${cohort.rows})`} as e`;
  if (!first) return sql`${columns} from ${from}${listed(" where ", [...chosen, ...kept], " and ")}`;
  // The first of the set's events, whether or not it is the one that the other conditions ask for.
  return sql`${columns} from (select distinct on (${of("person_id")}) e.* from ${from}${
    listed(" where ", chosen, " and ")
  } order by ${of("person_id")}, ${of(start)}, ${of(key)}) as e${listed(" where ", kept, " and ")}`;
}
