import { quoteIdentifier, quoteLiteral } from "../../lib/sql.ts";
import { OmcpError } from "../../errors.ts";
import { type Upstream } from "../../postgres/upstream/mod.ts";
import { CDM_VERSIONS, cdmTables, tableDdl } from "../../omop/cdm/mod.ts";
import { AdminSession } from "./admin_session.ts";
import { addKeys, type KeyReport } from "./keys.ts";
import type { CdmSource, TableReport } from "./source.ts";

/** What a load needs. */
export interface LoadOptions {
  /** What is loaded. */
  readonly source: CdmSource;
  /** The database, with a user that may create schemas. */
  readonly upstream: Upstream;
  /** The schema that holds the CDM afterwards. */
  readonly schema: string;
  /** Whether a CDM that is there is replaced, when the new one is whole. @default {false} */
  readonly replace?: boolean;
  /** A role that may read the CDM afterwards. */
  readonly reader?: string;
  /** Told as soon as a table's rows are in. */
  readonly onTable?: (report: TableReport) => void;
  /** Told what goes on besides, in a sentence. */
  readonly onStep?: (sentence: string) => void;
  /** Ends the load; nothing of it remains then. */
  readonly signal: AbortSignal;
}

/** What was loaded. */
export interface LoadReport {
  /** One a table that the source has. */
  readonly tables: readonly TableReport[];
  /** What became of the keys. */
  readonly keys: KeyReport;
}

/**
 * Loads a CDM, whole or not at all: tables, rows, keys and grants are one transaction, in a schema that takes its name at the very
 * end. What fails, by whatever cause, leaves the database as it was.
 *
 * @param options What and where.
 * @returns What was loaded, checked against the tables themselves.
 * @throws {OmcpError} `cdm_invalid` where nothing fits or a file is damaged; `invalid_argument` for a schema or role that will
 * not do; `database_refused`, `database_unavailable`, or the signal's reason.
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
    await settle(session, options);
    return { tables, keys };
  } catch (error) {
    if (!(error instanceof OmcpError) || error.state !== undefined) throw error;
    throw error.with({
      state: committing
        ? `The end of the load was not confirmed: schema ${schema} holds either all of the new CDM or what was there before.`
        : `Nothing was loaded into schema ${schema}; what was there is as it was.`,
    });
  } finally {
    session.close();
  }
}

/** Refuses a schema that is there without leave to replace it, and with it one that holds anything but a CDM. */
async function checkSchema(session: AdminSession, { schema, replace = false }: LoadOptions): Promise<void> {
  const literal = quoteLiteral(schema);
  if (/^pg_|^information_schema$/.test(schema)) {
    throw new OmcpError("invalid_argument", `Schema ${schema} is the database's own`);
  }
  const there = await session.count(`SELECT count(*) FROM pg_namespace WHERE nspname = ${literal}`);
  if (there === 0) return;
  if (!replace) {
    throw new OmcpError("invalid_argument", `Schema ${schema} exists already`, {
      state: "Nothing was changed.",
      next: "Name another with --schema, or give --replace to replace the CDM in it.",
    });
  }
  const known = CDM_VERSIONS.flatMap((version) => cdmTables(version).map(({ name }) => quoteLiteral(name)));
  const [others] = await session.run(
    `SELECT string_agg(name, ', ') FROM (
      SELECT relname::text AS name FROM pg_class WHERE relnamespace = ${literal}::regnamespace
        AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relname::text NOT IN (${known.join(", ")})
      UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = ${literal}::regnamespace
      ORDER BY name LIMIT 5) AS others`,
  );
  const names = others?.[0] ?? null;
  if (names === null) return;
  throw new OmcpError("invalid_argument", `Schema ${schema} holds more than a CDM: ${names}`, {
    state: "Nothing was changed.",
    next: "Replace it by hand, or load into another with --schema.",
  });
}

async function checkReader(session: AdminSession, reader: string | undefined): Promise<void> {
  if (reader === undefined) return;
  const count = await session.count(
    `SELECT count(*) FROM pg_roles WHERE rolname = ${quoteLiteral(reader)}`,
  );
  if (count === 1) return;
  throw new OmcpError("invalid_argument", `The database has no role ${reader}`, {
    state: "Nothing was changed.",
    next: "Create it first; without --reader the load prints the SQL for one.",
  });
}

/** Every row that was read is in its table or was rejected. */
async function checkCounts(
  session: AdminSession,
  schema: string,
  tables: readonly TableReport[],
): Promise<void> {
  for (const { table, read, loaded, rejected } of tables) {
    const there = await session.count(
      `SELECT count(*) FROM ${quoteIdentifier(schema)}.${quoteIdentifier(table)}`,
    );
    if (there === loaded && read === loaded + rejected) continue;
    throw new OmcpError(
      "internal",
      `Rows of ${table} do not add up: ${read} read, ${loaded} loaded, ${rejected} rejected, ${there} in the table`,
    );
  }
  if (tables.some(({ loaded }) => loaded > 0)) return;
  throw new OmcpError("cdm_invalid", "Not a single row fits the CDM", {
    next: "Look at the reasons above: most often it is the other version of the CDM (--cdm-version).",
  });
}

/** What makes the CDM one that can be served. */
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

/** Statistics for the planner, and rows marked as visible to all, so that reading never writes. The CDM is whole without it. */
async function settle(session: AdminSession, { source, schema, onStep }: LoadOptions): Promise<void> {
  onStep?.("Gathering statistics");
  try {
    for (const { name } of cdmTables(source.version)) {
      await session.run(`VACUUM (FREEZE, ANALYZE) ${quoteIdentifier(schema)}.${quoteIdentifier(name)}`);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    onStep?.(`The CDM is loaded, but its statistics could not be gathered (${reason}); queries may be slow`);
  }
}

function ignore(): void {}
