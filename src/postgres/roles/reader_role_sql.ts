import { quoteIdentifier } from "../../lib/sql.ts";

/** The role that may read a CDM and do nothing else: in our image (`images/postgres/rights.sql`), and the name we suggest. */
export const READER_ROLE = "omcp_reader";

/** For whom {@link readerRoleSql} writes. */
export interface RoleTarget {
  /** The role to make; quoted if that is needed. */
  readonly role: string;
  /** The CDM's schema. */
  readonly schema: string;
  /** The database that holds it. */
  readonly database: string;
}

/**
 * The SQL that makes a role which may read the CDM and nothing else. An administrator runs it; the password is theirs to choose.
 *
 * @param target Role, schema and database.
 * @returns Statements, a line each.
 */
export function readerRoleSql(target: RoleTarget): string {
  const role = quoteIdentifier(target.role);
  const schema = quoteIdentifier(target.schema);
  const database = quoteIdentifier(target.database);
  return [
    `CREATE ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT;`,
    `GRANT CONNECT ON DATABASE ${database} TO ${role};`,
    `GRANT USAGE ON SCHEMA ${schema} TO ${role};`,
    `GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${role};`,
    `-- What everybody may by default; who else needs it must be granted it by name:`,
    `REVOKE CREATE, TEMPORARY ON DATABASE ${database} FROM PUBLIC;`,
    `REVOKE CREATE ON SCHEMA public FROM PUBLIC;`,
    `-- Bounds for each session: memory of each sort or hash, spill to disk, time of a statement, time of an idle transaction:`,
    `ALTER ROLE ${role} SET work_mem = '64MB';`,
    `ALTER ROLE ${role} SET temp_file_limit = '5GB';`,
    `ALTER ROLE ${role} SET statement_timeout = '5min';`,
    `ALTER ROLE ${role} SET idle_in_transaction_session_timeout = '10min';`,
    `-- The password, typed and not kept in any history: \\password ${target.role}`,
  ].join("\n");
}
