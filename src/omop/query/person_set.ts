/** The persons of a query's result as a cohort: with the time of their rows. */
import { type RawBuilder, sql } from "kysely";
import { OmcpError } from "../../errors.ts";
import type { CdmVersion } from "../cdm/mod.ts";
import type { CohortRow } from "../cohorts/mod.ts";
import { mergedPeriods } from "../cohorts/exit_sql.ts";
import { heldSize } from "../sql_compiler.ts";
import type { RowSource } from "./cohort_table.ts";
import { fromClause, havingClause } from "./compile.ts";
import { endDate, eventDate, hasColumn } from "./event_date.ts";
import { listed } from "./listed.ts";
import { queryMeaning } from "./meaning.ts";
import { resolveQuery } from "./resolve.ts";
import type { OmopQuery } from "./schema.ts";

/** The persons of a query's result. */
export interface PersonSet {
  /** A SELECT of person_id, cohort_start_date and cohort_end_date (null for a person of whom no time is known). */
  readonly rows: RawBuilder<CohortRow>;
  /** Which persons they are, in plain words: lines. */
  readonly meaning: readonly string[];
}

/**
 * The persons of a query's result, however many rows the query returns. The cohorts that the query names are in the SELECT as they are
 * now: another definition under their name does not change it.
 *
 * @param query The query. With aggregates, the persons are those of the rows that the aggregates are computed from; with `person_id` in
 * group_by, those whose groups pass `having`.
 * @param options The CDM's version, and where the rows are.
 * @returns A person's periods, each from the date of a row to its end date where the table has one, those that overlap as one. For a table without
 * dates, the person's observation periods.
 * @throws {OmcpError} `invalid_argument` if the result has no persons, or the definition is too long.
 */
export function personSet(
  query: OmopQuery,
  options: RowSource & { readonly version: CdmVersion },
): PersonSet {
  const resolved = resolveQuery(query, options.version);
  const { scope, groupBy } = resolved;
  if (!hasColumn(scope.table, "person_id")) {
    throw cannotHold(
      `the table ${scope.table.name} has no person_id`,
      "Query a table whose rows are about a person.",
    );
  }
  const ofPersons = groupBy.some(({ column }) =>
    column?.table === scope.table.name && column.name === "person_id"
  );
  if (query.having !== undefined && !ofPersons) {
    throw cannotHold("having chooses groups, and a group is not a person", "Add person_id to group_by.");
  }
  const start = eventDate(scope.table);
  const last = endDate(scope.table);
  const from = start === undefined ? sql`cast(null as date)` : scope.own(start);
  // The later date; if one is null, the other.
  const to = last === undefined ? from : sql`greatest(${from}, ${scope.own(last)})`;
  const tables = fromClause(query, resolved, options);
  const person = scope.own("person_id");
  const found = ofPersons
    ? sql`select ${person}, min(${from}) as start_date, max(${to}) as end_date from ${tables}${
      listed(" group by ", groupBy.map((column) => column.sql))
    }${havingClause(query, resolved, options.schema)}`
    : sql`select ${person}, ${from} as start_date, ${to} as end_date from ${tables}`;
  const dated = start === undefined ? observed(found, options.schema) : found;
  const rows = sql<
    CohortRow
  >`with periods as (${dated}) select person_id, start_date as cohort_start_date, end_date as cohort_end_date from (${
    mergedPeriods(0)
  }) as m`;
  const { characters, most } = heldSize(rows);
  if (characters > most) {
    throw cannotHold(
      `as SQL it has ${characters} characters, of at most ${most}`,
      "Use concept sets or conditions in place of long lists.",
    );
  }
  return {
    rows,
    meaning: [
      `Persons of: ${queryMeaning(query, resolved)}`,
      `Time: ${
        start === undefined
          ? "each of the person's observation periods"
          : `from ${start} to ${last ?? "the same day"}${
            ofPersons ? ", the first and the last of the group" : " of each row"
          }; periods that overlap are one`
      }`,
    ],
  };
}

/** The observation periods of persons; for a person without any, a row without dates. */
function observed(persons: RawBuilder<unknown>, schema: string): RawBuilder<unknown> {
  return sql`select f.person_id, o.observation_period_start_date as start_date, o.observation_period_end_date as end_date
from (select distinct person_id from (${persons}) as r) as f
left join ${sql.id(schema, "observation_period")} as o on o.person_id = f.person_id`;
}

function cannotHold(reason: string, next: string): OmcpError {
  return new OmcpError("invalid_argument", `Cannot hold the persons of this result: ${reason}`, { next });
}
