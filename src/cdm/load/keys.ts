import { qualifiedName, quoteIdentifier } from "../../lib/sql.ts";
import { OmcpError } from "../../errors.ts";
import { type CdmTable, cdmTables, type CdmVersion, keyDdl } from "../../omop/cdm/mod.ts";
import type { AdminSession } from "./admin_session.ts";

/** A key that was left out, because the data violate it. */
export interface KeyLeftOut {
  /** The table that has the key. */
  readonly table: string;
  /** The key's columns. */
  readonly columns: readonly string[];
  /** The table a foreign key refers to. */
  readonly refersTo?: string;
  /** Rows that violate it: duplicates beyond the first, or rows whose reference is missing. */
  readonly rows: number;
  /** The server's SQLSTATE. */
  readonly sqlstate: string;
}

/** Which keys were added and which were left out. */
export interface KeyReport {
  /** Primary keys that were added. */
  readonly primaryKeys: number;
  /** Primary keys that the data violate; each became an index. */
  readonly primaryKeysLeftOut: readonly KeyLeftOut[];
  /** Indices that were added, including those in place of primary keys. */
  readonly indices: number;
  /** Foreign keys that were added. */
  readonly foreignKeys: number;
  /** Foreign keys that the data violate. */
  readonly foreignKeysLeftOut: readonly KeyLeftOut[];
}

interface ForeignKey {
  readonly table: string;
  readonly column: string;
  readonly references: { readonly table: string; readonly column: string };
}

/**
 * Adds primary keys, indices and foreign keys, each if the data satisfy it. A primary key that they violate becomes an index, so
 * that queries stay fast.
 *
 * @param session A session in a transaction.
 * @param version The CDM's version.
 * @param schema The tables' schema.
 * @returns What was added and what was left out.
 * @throws {OmcpError} If the connection is lost, or an index cannot be created.
 */
export async function addKeys(
  session: AdminSession,
  version: CdmVersion,
  schema: string,
): Promise<KeyReport> {
  const tables = cdmTables(version);
  const ddl = keyDdl(version, schema);
  const primary = await addPrimaryKeys(session, schema, paired(tables.filter(hasKey), ddl.primaryKeys));
  for (const statement of ddl.indices) await session.run(statement);
  const foreign = await addForeignKeys(
    session,
    schema,
    paired(tables.flatMap(foreignKeysOf), ddl.foreignKeys),
  );
  return {
    primaryKeys: ddl.primaryKeys.length - primary.length,
    primaryKeysLeftOut: primary,
    indices: ddl.indices.length + primary.length,
    foreignKeys: ddl.foreignKeys.length - foreign.length,
    foreignKeysLeftOut: foreign,
  };
}

async function addPrimaryKeys(
  session: AdminSession,
  schema: string,
  keys: readonly (readonly [CdmTable, string])[],
): Promise<KeyLeftOut[]> {
  const leftOut: KeyLeftOut[] = [];
  for (const [table, statement] of keys) {
    const sqlstate = await session.attempt(statement);
    if (sqlstate === undefined) continue;
    const columns = keyColumns(table);
    const list = columns.map(quoteIdentifier).join(", ");
    const place = qualifiedName(schema, table.name);
    const rows = await session.count(
      `SELECT (SELECT count(*) FROM ${place}) - (SELECT count(*) FROM (SELECT DISTINCT ${list} FROM ${place}) AS keys)`,
    );
    await session.run(`CREATE INDEX ${quoteIdentifier(`idx_${table.name}_key`)} ON ${place} (${list})`);
    leftOut.push({ table: table.name, columns, rows, sqlstate });
  }
  return leftOut;
}

async function addForeignKeys(
  session: AdminSession,
  schema: string,
  keys: readonly (readonly [ForeignKey, string])[],
): Promise<KeyLeftOut[]> {
  const leftOut: KeyLeftOut[] = [];
  for (const [{ table, column, references }, statement] of keys) {
    const sqlstate = await session.attempt(statement);
    if (sqlstate === undefined) continue;
    const name = quoteIdentifier(column);
    const target = qualifiedName(schema, references.table);
    const rows = await session.count(
      `SELECT count(*) FROM ${qualifiedName(schema, table)} AS here WHERE here.${name} IS NOT NULL AND ` +
        `NOT EXISTS (SELECT 1 FROM ${target} AS there WHERE there.${
          quoteIdentifier(references.column)
        } = here.${name})`,
    );
    leftOut.push({ table, columns: [column], refersTo: references.table, rows, sqlstate });
  }
  return leftOut;
}

/** Pairs keys with their statements, which `omop/cdm` writes in the same order. */
function paired<T>(keys: readonly T[], statements: readonly string[]): (readonly [T, string])[] {
  if (keys.length !== statements.length) {
    throw new OmcpError("internal", `Keys and statements differ: ${keys.length} and ${statements.length}`);
  }
  return keys.flatMap((key, index) => {
    const statement = statements[index];
    return statement === undefined ? [] : [[key, statement] as const];
  });
}

function hasKey(table: CdmTable): boolean {
  return keyColumns(table).length > 0;
}

function keyColumns(table: CdmTable): string[] {
  return table.columns.filter(({ primaryKey }) => primaryKey).map(({ name }) => name);
}

function foreignKeysOf(table: CdmTable): ForeignKey[] {
  return table.columns.flatMap(({ name, references }) =>
    references === undefined ? [] : [{ table: table.name, column: name, references }]
  );
}
