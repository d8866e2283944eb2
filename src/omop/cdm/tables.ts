import { OmcpError } from "../../errors.ts";
import { closestNames, synonymOf } from "../../lib/closest_names.ts";
import { describeColumn } from "./descriptions.ts";
import {
  type CdmColumn,
  type CdmTable,
  type CdmVersion,
  readColumn,
  type TableDefinition,
} from "./notation.ts";
import { CLINICAL_TABLES } from "./tables_clinical.ts";
import { EVENT_TABLES } from "./tables_events.ts";
import { OTHER_TABLES } from "./tables_other.ts";
import { VOCABULARY_TABLES } from "./tables_vocabulary.ts";

/** The definitions of all tables of both versions; types are derived from them. */
export const TABLE_DEFINITIONS = {
  ...CLINICAL_TABLES,
  ...EVENT_TABLES,
  ...OTHER_TABLES,
  ...VOCABULARY_TABLES,
} as const;

const TABLES: Readonly<Record<CdmVersion, ReadonlyMap<string, CdmTable>>> = {
  "5.3": readTables("5.3"),
  "5.4": readTables("5.4"),
};

/**
 * The tables of a version: 37 in 5.3, 39 in 5.4.
 *
 * @param version The CDM's version.
 * @returns The tables, in no order that foreign keys could rely on.
 */
export function cdmTables(version: CdmVersion): readonly CdmTable[] {
  return [...TABLES[version].values()];
}

/**
 * The names of the tables of all versions.
 *
 * @returns In lower case, each once.
 */
export function allTableNames(): ReadonlySet<string> {
  return new Set(Object.keys(TABLE_DEFINITIONS));
}

/**
 * One table of a version.
 *
 * @param version The CDM's version.
 * @param name The table's name, in lower case.
 * @returns The table.
 * @throws {OmcpError} `invalid_argument` when the version has no such table; the closest names are in `next`.
 */
export function cdmTable(version: CdmVersion, name: string): CdmTable {
  const table = TABLES[version].get(name);
  if (table !== undefined) return table;
  const names = [...TABLES[version].keys()];
  const synonym = synonymOf(name, names);
  const close = synonym === undefined ? closestNames(name, names) : [synonym];
  throw new OmcpError("invalid_argument", `The CDM ${version} has no table ${JSON.stringify(name)}`, {
    next: close.length > 0 ? `Did you mean ${close.join(" or ")}?` : `Its tables are: ${names.join(", ")}.`,
  });
}

function readTables(version: CdmVersion): ReadonlyMap<string, CdmTable> {
  const tables = new Map<string, CdmTable>();
  const definitions: Readonly<Record<string, TableDefinition>> = TABLE_DEFINITIONS;
  for (const [name, definition] of Object.entries(definitions)) {
    if (definition.only !== undefined && definition.only !== version) continue;
    const { group, description } = definition;
    tables.set(name, { name, group, description, columns: readColumns(definition, version) });
  }
  return tables;
}

function readColumns(definition: TableDefinition, version: CdmVersion): readonly CdmColumn[] {
  const columns: CdmColumn[] = [];
  for (const [name, notation] of Object.entries(definition.columns)) {
    const column = readColumn(name, notation, version);
    if (column === undefined) continue;
    const description = describeColumn(name);
    columns.push(description === undefined ? column : { ...column, description });
  }
  return columns;
}
