/** What shows that a CDM has been loaded again. */
import { type RawBuilder, sql } from "kysely";
import { type Statement, statement } from "../sql_compiler.ts";
import { table } from "./concept_set_sql.ts";

/** Tables that only a new vocabulary changes: for these, rows that were inserted, updated or deleted count, too. */
const VOCABULARY = ["concept", "concept_synonym", "concept_ancestor", "concept_relationship"];

/**
 * Describes which load of a CDM a database has. It reads catalogs and `cdm_source`, no large table.
 *
 * @param schema The schema of the CDM's tables.
 * @param relations The CDM's tables that there are and that may be read.
 * @returns One row with one text, which differs after tables were created again, truncated or rewritten, after `cdm_source` changed, and,
 * as soon as Postgres's statistics show it, after rows of the vocabulary changed.
 */
export function cdmRevision(schema: string, relations: ReadonlySet<string>): Statement {
  const described: RawBuilder<unknown> = relations.has("cdm_source")
    ? sql`(select string_agg(cast(s as text), ';' order by cast(s as text)) from ${
      table(schema, "cdm_source")
    } as s)`
    : sql`cast(null as text)`;
  const names = (of: Iterable<string>): string => `{${[...of].join(",")}}`;
  return statement(sql`select md5(concat_ws('|', ${described}, (
  select string_agg(concat_ws(' ', c.relname, c.oid, c.relfilenode, t.n_tup_ins, t.n_tup_upd, t.n_tup_del), ',' order by c.relname)
  from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  left join pg_catalog.pg_stat_all_tables as t on t.relid = c.oid and c.relname = any(cast(${
    names(VOCABULARY)
  } as text[]))
  where n.nspname = ${schema} and c.relname = any(cast(${names(relations)} as text[]))
)))`);
}
