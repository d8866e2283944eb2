/** Whether each person of a CDM has one row in `person`. A view or a table without keys may hold several, such as former versions. */
import { sql } from "kysely";
import { type Statement, statement } from "../sql_compiler.ts";

/**
 * The statement that answers whether `person_id` is unique. A key of the table shows it at once; without one, the rows are counted. A key of a
 * table does not hold for tables that inherit from it.
 *
 * @param schema The CDM's schema.
 */
export function uniquePersons(schema: string): Statement {
  const person = sql.id(schema, "person");
  return statement(sql`select exists (
  select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_index i on i.indrelid = c.oid
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
  where n.nspname = ${schema} and c.relname = 'person' and (c.relkind = 'p' or not c.relhassubclass)
    and a.attname = 'person_id' and a.attnotnull and i.indisunique and i.indisvalid and i.indnkeyatts = 1 and i.indpred is null
) or (select count(*) = count(distinct person_id) from ${person})`);
}
