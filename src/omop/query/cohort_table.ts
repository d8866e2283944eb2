/** Cohorts that the server holds as tables of a query. */
import { type RawBuilder, sql } from "kysely";
import { OmcpError } from "../../errors.ts";
import type { CdmTable } from "../cdm/mod.ts";

/** The periods of a cohort that is held. The CDM's own table `cohort` has no `person_id`, and holds all cohorts in one table. */
export const HELD_COHORT: CdmTable = {
  name: "cohort",
  group: "results",
  description: "The periods that persons are in a cohort.",
  columns: [
    {
      name: "person_id",
      type: "bigint",
      required: true,
      primaryKey: false,
      references: { table: "person", column: "person_id" },
    },
    { name: "cohort_start_date", type: "date", required: true, primaryKey: false },
    { name: "cohort_end_date", type: "date", required: true, primaryKey: false },
  ],
};

/** Where the rows of a query's tables are. */
export interface RowSource {
  /** The schema of the CDM's tables. */
  readonly schema: string;
  /** Finds a cohort's SELECT by its name; throws an error that says which there are. Undefined: there are none. */
  readonly cohort?: ((name: string) => RawBuilder<unknown>) | undefined;
}

/** What a query, or a criterion of persons, reads rows of. */
export interface NamedTable {
  readonly table?: string | undefined;
  readonly cohort?: string | undefined;
}

/**
 * The table that is named.
 *
 * @param named A table, or `cohort` with a cohort's name.
 * @returns Its name in the CDM, or the columns of a cohort that is held.
 * @throws {OmcpError} `invalid_argument` for neither, and for a cohort's name with another table.
 */
export function tableOf({ table, cohort }: NamedTable): string | CdmTable {
  if (cohort === undefined) {
    if (table !== undefined) return table;
    throw new OmcpError("invalid_argument", "Cannot read a criterion of persons: it has no table", {
      next: 'Write {"table": "condition_occurrence", …} or {"cohort": "its name"}.',
    });
  }
  if (table === undefined || table === HELD_COHORT.name) return HELD_COHORT;
  throw new OmcpError("invalid_argument", `Cannot use cohort with the table ${table}`, {
    next:
      `For rows of persons in the cohort, write "persons": {"with": [{"cohort": ${
        JSON.stringify(cohort)
      }}]}; ` +
      'for the cohort\'s own periods, "table": "cohort".',
  });
}

/**
 * The rows of the table that is named.
 *
 * @param named As for {@link tableOf}, which has accepted it.
 * @param source Where the rows are.
 * @returns What follows FROM.
 * @throws {OmcpError} What `source.cohort` throws.
 */
export function rowsOf(
  { table = HELD_COHORT.name, cohort }: NamedTable,
  source: RowSource,
): RawBuilder<unknown> {
  if (cohort === undefined) return sql.id(source.schema, table);
  if (source.cohort === undefined) {
    throw new OmcpError("invalid_argument", "Cannot use cohort here", { next: "Use query_omop." });
  }
  return sql`(${source.cohort(cohort)})`;
}
