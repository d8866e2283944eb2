/** The statements that describe a CDM in a database: its tables' sizes, its columns, what it says of itself. */
import { sql } from "kysely";
import { table as tableRef } from "../concepts/concept_set_sql.ts";
import { type Statement, statement } from "../sql_compiler.ts";

/**
 * The planner's estimates.
 *
 * @param names Tables.
 * @param schema Their schema.
 * @returns Rows of a table's name and its estimated rows; -1: never analyzed, or a view.
 */
export function rowEstimates(names: readonly string[], schema: string): Statement {
  return statement(sql`select c.relname,
cast(case when c.relkind in ('r', 'm', 'p') then greatest(c.reltuples, -1) else -1 end as bigint)
from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname = ${schema} and c.relname = any(string_to_array(${names.join(",")}, ','))`);
}

/**
 * Counts rows, up to a limit: the estimate of a small table may be far off.
 *
 * @param names Tables of the CDM, at least one.
 * @param schema Their schema.
 * @param limit The most rows that are counted of each.
 * @returns Rows of a table's name and its rows, at most the limit.
 */
export function boundedCounts(names: readonly string[], schema: string, limit: number): Statement {
  const each = names.map((name) =>
    sql`select cast(${name} as text), (select count(*) from (select 1 from ${
      tableRef(schema, name)
    } limit cast(${limit} as bigint)) as some_rows)`
  );
  return statement(sql`${sql.join(each, sql` union all `)}`);
}

/**
 * The columns of tables as the database has them.
 *
 * @param names Tables.
 * @param schema Their schema.
 * @returns Rows of table, column, type, share of nulls from 0 to 1, and number of distinct values or, negative, their share of the rows; the
 * last two from the planner's statistics, null if there are none. In the order of the columns.
 */
export function columnFacts(names: readonly string[], schema: string): Statement {
  return statement(
    sql`select c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), s.null_frac, s.n_distinct
from pg_catalog.pg_attribute as a join pg_catalog.pg_class as c on c.oid = a.attrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
left join pg_catalog.pg_stats as s on s.schemaname = n.nspname and s.tablename = c.relname and s.attname = a.attname
and not s.inherited
where n.nspname = ${schema} and c.relname = any(string_to_array(${names.join(",")}, ','))
and a.attnum > 0 and not a.attisdropped order by c.relname, a.attnum`,
  );
}

/**
 * What `cdm_source` says.
 *
 * @param schema The schema of the CDM's tables.
 * @returns Rows of the source's name, its release date and the vocabulary's version.
 */
export function aboutSource(schema: string): Statement {
  return statement(
    sql`select s.cdm_source_name, s.source_release_date, s.vocabulary_version from ${
      tableRef(schema, "cdm_source")
    } as s limit 5`,
  );
}

/**
 * When persons are observed.
 *
 * @param schema The schema of the CDM's tables.
 * @returns One row: persons with an observation period, first day, last day.
 */
export function observedTime(schema: string): Statement {
  return statement(
    sql`select count(distinct person_id), min(observation_period_start_date), max(observation_period_end_date)
from ${tableRef(schema, "observation_period")}`,
  );
}
