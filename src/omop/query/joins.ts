import { type RawBuilder, sql } from "kysely";
import type { Join, Scope } from "./columns.ts";

/**
 * The joins of a scope as SQL. They are left joins on a key, or lateral ones of at most one row: they drop and multiply no rows.
 *
 * @param scope The scope, after everything that the query names was found in it.
 * @param schema The schema of the CDM's tables.
 * @returns Text that follows the scope's table; empty if it needs no join.
 */
export function joinClause({ joins }: Scope, schema: string): RawBuilder<unknown> {
  return sql.join(joins.map((join) => joined(join, schema)), sql``);
}

function joined({ alias, table, on, containing }: Join, schema: string): RawBuilder<unknown> {
  const name = sql.id(alias);
  const from = sql.id(schema, table);
  if (containing === undefined) {
    return sql` left join ${from} as ${name} on ${sql.ref(`${alias}.${on.column}`)} = ${on.equals}`;
  }
  return sql` left join lateral (select * from ${from} as o where ${
    sql.ref(`o.${on.column}`)
  } = ${on.equals} and ${containing} between ${sql.ref("o.observation_period_start_date")} and ${
    sql.ref("o.observation_period_end_date")
  } order by ${sql.ref("o.observation_period_start_date")}, ${
    sql.ref("o.observation_period_id")
  } limit 1) as ${name} on true`;
}
