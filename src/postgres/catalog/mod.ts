import { quoteIdentifier, quoteLiteral } from "../../lib/sql.ts";
import * as z from "zod";
import { OmcpError } from "../../errors.ts";
import { ask, type UpstreamSession } from "../upstream/mod.ts";

/** What of a CDM a role can read. */
export interface CdmCatalog {
  /** The schema that was read, as PostgreSQL stores its name. */
  readonly schema: string;
  /** What `cdm_source.cdm_version` has; undefined if the role can read none. */
  readonly versionText: string | undefined;
  /** Lower-case names of the CDM's relations that are there and may be read. */
  readonly relations: ReadonlySet<string>;
  /** Names of their columns. */
  readonly columns: ReadonlySet<string>;
  /** Other relations of the schema that the role may read; sandboxes may not. */
  readonly others: readonly string[];
  /** Functions of the schema that `table.name` could call: they take one argument, and the role may execute them. */
  readonly rowFunctions: ReadonlySet<string>;
  /** Relations of the CDM whose plans show what is behind them: views, foreign tables, those with row security. */
  readonly veiled: ReadonlySet<string>;
}

/** What {@link readCatalog} looks for. */
export interface CatalogOptions {
  /** The schema to look at, as PostgreSQL has it stored. */
  readonly cdmSchema: string;
  /** Lower-case names of all relations that a CDM of any version may have. */
  readonly cdmRelations: ReadonlySet<string>;
}

const NAMES = z.array(z.tuple([z.string()]));
const VERSION = z.array(z.tuple([z.string().nullable()]));

/**
 * Finds the CDM's relations that a session's role may read.
 *
 * @param session An idle session.
 * @param options Schema and names.
 * @param signal Ends it.
 * @returns Relations, and what the CDM says of its version.
 * @throws {OmcpError} `cdm_invalid` if the schema has no `person` table that the role can read.
 */
export async function readCatalog(
  session: UpstreamSession,
  options: CatalogOptions,
  signal: AbortSignal,
): Promise<CdmCatalog> {
  const schema = quoteLiteral(options.cdmSchema);
  const sql =
    `SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ${schema} AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT') ORDER BY 1`;
  const names = NAMES.parse(await ask(session, sql, signal)).map(([name]) => name);
  const relations = new Set(names.filter((name) => options.cdmRelations.has(name)));
  if (!relations.has("person")) throw noCdm(options.cdmSchema, names.length);
  return {
    schema: options.cdmSchema,
    versionText: await versionText(session, relations, { schema: options.cdmSchema, signal }),
    relations,
    columns: await columnsOf(session, { schema, relations }, signal),
    others: names.filter((name) => !relations.has(name)),
    rowFunctions: await rowFunctions(session, schema, signal),
    veiled: await veiled(session, { schema, relations }, signal),
  };
}

/** Where to look: a schema as a literal, and its relations. */
interface Place {
  readonly schema: string;
  readonly relations: ReadonlySet<string>;
}

/** Relations whose plans name what is behind them: views, foreign tables, tables with row policies, tables with partitions of other names. */
async function veiled(
  session: UpstreamSession,
  where: Place,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const names = [...where.relations].map(quoteLiteral).join(", ");
  const sql = `WITH RECURSIVE shown AS (
      SELECT c.oid, c.relname, c.relkind, c.relrowsecurity FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ${where.schema} AND c.relname IN (${names})
    ), below AS (
      SELECT oid AS top, oid FROM shown
      UNION SELECT b.top, i.inhrelid FROM below b JOIN pg_catalog.pg_inherits i ON i.inhparent = b.oid
    )
    SELECT relname::text FROM shown s WHERE relkind IN ('v', 'f') OR relrowsecurity
      OR EXISTS (SELECT FROM below b WHERE b.top = s.oid AND b.oid NOT IN (SELECT oid FROM shown))`;
  return new Set(NAMES.parse(await ask(session, sql, signal)).map(([name]) => name));
}

async function columnsOf(
  session: UpstreamSession,
  where: Place,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const names = [...where.relations].map(quoteLiteral).join(", ");
  const sql = `SELECT DISTINCT a.attname::text FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ${where.schema} AND c.relname IN (${names}) AND a.attnum > 0 AND NOT a.attisdropped`;
  return new Set(NAMES.parse(await ask(session, sql, signal)).map(([name]) => name));
}

async function rowFunctions(
  session: UpstreamSession,
  schema: string,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const sql = `SELECT DISTINCT p.proname::text FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = ${schema} AND p.pronargs > 0 AND p.pronargs - p.pronargdefaults <= 1
    AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')`;
  return new Set(NAMES.parse(await ask(session, sql, signal)).map(([name]) => name));
}

async function versionText(
  session: UpstreamSession,
  relations: ReadonlySet<string>,
  where: { readonly schema: string; readonly signal: AbortSignal },
): Promise<string | undefined> {
  if (relations.has("cdm_source")) {
    try {
      const sql = `SELECT cdm_version::text FROM ${quoteIdentifier(where.schema)}.cdm_source LIMIT 1`;
      const [row] = VERSION.parse(await ask(session, sql, where.signal));
      return row?.[0] ?? undefined;
    } catch (error) {
      // A cdm_source without that column says nothing; a lost connection is the caller's concern.
      if (!(error instanceof OmcpError) || error.code !== "database_refused") throw error;
    }
  }
  return undefined;
}

function noCdm(schema: string, readable: number): OmcpError {
  const what = readable === 0
    ? "nothing that the role may read"
    : `no person table among the ${readable} relations that the role may read`;
  return new OmcpError("cdm_invalid", `Schema ${schema} holds ${what}`, {
    state: "Nothing was served.",
    next:
      "Set OMCP_CDM_SCHEMA to the schema of the CDM, and grant the role USAGE on it and SELECT on its tables.",
  });
}
