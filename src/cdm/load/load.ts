import { counted } from "../../lib/counted.ts";
import { qualifiedName, quoteIdentifier, quoteLiteral } from "../../lib/sql.ts";
import { OmcpError } from "../../errors.ts";
import { type Upstream } from "../../postgres/upstream/mod.ts";
import { allTableNames, cdmTables, tableDdl } from "../../omop/cdm/mod.ts";
import { AdminSession } from "./admin_session.ts";
import { addKeys, type KeyReport } from "./keys.ts";
import type { CdmSource, TableReport } from "./source.ts";
import { errorMessage } from "../../lib/error_message.ts";

/** What a load needs. */
export interface LoadOptions {
  /** The CDM to load. */
  readonly source: CdmSource;
  /** The database, with a user that may create schemas. */
  readonly upstream: Upstream;
  /** The CDM's schema after the load. */
  readonly schema: string;
  /** Whether to replace an existing CDM once the new one is complete. @default {false} */
  readonly replace?: boolean;
  /** A role that may read the CDM afterwards. */
  readonly reader?: string;
  /** Called when a table's rows are loaded. */
  readonly onTable?: (report: TableReport) => void;
  /** Called with a sentence for each further step. */
  readonly onStep?: (sentence: string) => void;
  /** Cancels the load and undoes it. */
  readonly signal: AbortSignal;
}

/** What was loaded. */
export interface LoadReport {
  /** One report per table of the source. */
  readonly tables: readonly TableReport[];
  /** The keys that were added or left out. */
  readonly keys: KeyReport;
}

/**
 * Loads a CDM completely or not at all: tables, rows, keys and grants are one transaction, in a schema with a temporary name that is
 * renamed at the end. A failed load leaves the database unchanged.
 *
 * @param options The source and the destination.
 * @returns What was loaded, compared with the tables' row counts.
 * @throws {OmcpError} `cdm_invalid` if no row fits or a file is damaged; `invalid_argument` for an unusable schema or role;
 * `database_refused`, `database_unavailable`, or the signal's reason.
 */
export async function loadCdm(options: LoadOptions): Promise<LoadReport> {
  const { source, schema, signal } = options;
  const session = await AdminSession.open(options.upstream, signal);
  let committing = false;
  try {
    await checkSchema(session, options);
    await checkReader(session, options.reader);
    const work = `omcp_loading_${crypto.getRandomValues(new Uint8Array(6)).toHex()}`;
    await session.run("BEGIN");
    await session.run(`CREATE SCHEMA ${quoteIdentifier(work)}`);
    await session.run(tableDdl(source.version, work).join(";\n"));
    const tables = await source.fill({ session, schema: work, signal, onTable: options.onTable ?? ignore });
    await checkCounts(session, work, tables);
    options.onStep?.("Adding keys and indices");
    const keys = await addKeys(session, source.version, work);
    for (const statement of publication(work, options)) await session.run(statement);
    committing = true;
    await session.run("COMMIT");
    await gatherStatistics(session, options);
    return { tables, keys };
  } catch (error) {
    if (!(error instanceof OmcpError) || error.state !== undefined) throw error;
    throw error.with({
      state: committing
        ? `The load's commit was not confirmed: schema ${schema} holds either all of the new CDM or its previous content.`
        : `Nothing was loaded into schema ${schema}; its previous content is unchanged.`,
    });
  } finally {
    session.close();
  }
}

/** Refuses an existing schema unless it may be replaced, and in any case one that has objects other than a CDM's. */
async function checkSchema(session: AdminSession, { schema, replace = false }: LoadOptions): Promise<void> {
  const literal = quoteLiteral(schema);
  if (/^pg_|^information_schema$/.test(schema)) {
    throw new OmcpError("invalid_argument", `Schema ${schema} belongs to PostgreSQL`);
  }
  const schemas = await session.count(`SELECT count(*) FROM pg_namespace WHERE nspname = ${literal}`);
  if (schemas === 0) return;
  if (!replace) {
    throw new OmcpError("invalid_argument", `Schema ${schema} already exists`, {
      state: "Nothing was changed.",
      next: "Name another schema with --schema, or pass --replace to replace its CDM.",
    });
  }
  const known = [...allTableNames()].map(quoteLiteral);
  const [others] = await session.run(
    `SELECT string_agg(name, ', ') FROM (
      SELECT relname::text AS name FROM pg_class WHERE relnamespace = ${literal}::regnamespace
        AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relname::text NOT IN (${known.join(", ")})
      UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = ${literal}::regnamespace
      ORDER BY name LIMIT 5) AS others`,
  );
  const names = others?.[0] ?? null;
  if (names === null) return;
  throw new OmcpError(
    "invalid_argument",
    `Schema ${schema} has objects that are not part of a CDM: ${names}`,
    {
      state: "Nothing was changed.",
      next: "Remove them, or load into another schema with --schema.",
    },
  );
}

async function checkReader(session: AdminSession, reader: string | undefined): Promise<void> {
  if (reader === undefined) return;
  const count = await session.count(
    `SELECT count(*) FROM pg_roles WHERE rolname = ${quoteLiteral(reader)}`,
  );
  if (count === 1) return;
  throw new OmcpError("invalid_argument", `The database has no role ${reader}`, {
    state: "Nothing was changed.",
    next: "Create the role first; without --reader the load prints the SQL for one.",
  });
}

/** Checks that every row that was read is in its table or was rejected. */
async function checkCounts(
  session: AdminSession,
  schema: string,
  tables: readonly TableReport[],
): Promise<void> {
  for (const { table, read, loaded, rejected } of tables) {
    const found = await session.count(`SELECT count(*) FROM ${qualifiedName(schema, table)}`);
    if (found === loaded && read === loaded + rejected) continue;
    throw new OmcpError(
      "internal",
      `Rows of ${table} do not add up: ${read} read, ${loaded} loaded, ${rejected} rejected, ${found} in the table`,
    );
  }
  const empty = tables.filter(({ read, loaded }) => read > 0 && loaded === 0);
  if (empty.length > 0) {
    throw new OmcpError("cdm_invalid", `No row fits: ${empty.map(describeEmpty).join("; ")}`, {
      next:
        "Fix or remove the files. Common causes are another CDM version (--cdm-version) and another format (--format).",
    });
  }
  if (tables.every(({ read }) => read === 0)) {
    throw new OmcpError("cdm_invalid", "The files have headers and no rows", {
      next: "Pass the folder that has the data.",
    });
  }
}

/** Names a table of which no row was loaded, with the most frequent reason. */
function describeEmpty({ table, read, rejects }: TableReport): string {
  const [first] = rejects;
  if (first === undefined) return table;
  const column = first.column === undefined ? "" : `${first.column}: `;
  return `${table} (${counted(read, "row")}; ${column}${first.reason})`;
}

/** The statements that publish the loaded schema: its name, and the reader's privileges. */
function publication(work: string, { schema, reader }: LoadOptions): string[] {
  const name = quoteIdentifier(schema);
  const statements = [
    `DROP SCHEMA IF EXISTS ${name} CASCADE`,
    `ALTER SCHEMA ${quoteIdentifier(work)} RENAME TO ${name}`,
  ];
  if (reader !== undefined) {
    const role = quoteIdentifier(reader);
    statements.push(
      `GRANT USAGE ON SCHEMA ${name} TO ${role}`,
      `GRANT SELECT ON ALL TABLES IN SCHEMA ${name} TO ${role}`,
    );
  }
  return statements;
}

/** Gathers statistics, and freezes the rows so that reads write nothing. The CDM is complete without it. */
async function gatherStatistics(
  session: AdminSession,
  { source, schema, onStep }: LoadOptions,
): Promise<void> {
  onStep?.("Gathering statistics");
  try {
    for (const { name } of cdmTables(source.version)) {
      await session.run(`VACUUM (FREEZE, ANALYZE) ${qualifiedName(schema, name)}`);
    }
  } catch (error) {
    onStep?.(
      `The CDM is loaded, but its statistics could not be gathered (${
        errorMessage(error)
      }); queries may be slow`,
    );
  }
}

function ignore(): void {}
