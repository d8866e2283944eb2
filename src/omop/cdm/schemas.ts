import * as z from "zod";
import { CDM_VERSIONS, type CdmVersion } from "./notation.ts";
import { cdmTable, cdmTables } from "./tables.ts";

/** A version of the CDM. */
export const cdmVersionSchema: z.ZodEnum<{ "5.3": "5.3"; "5.4": "5.4" }> = z.enum(CDM_VERSIONS);

/**
 * The names of a version's tables as an enum.
 *
 * @param version The CDM's version.
 * @returns A zod enum in the order of {@link cdmTables}.
 */
export function tableNameSchema(version: CdmVersion): z.ZodEnum<Record<string, string>> {
  return z.enum(cdmTables(version).map(nameOf));
}

/**
 * The names of a table's columns as an enum.
 *
 * @param version The CDM's version.
 * @param table The table's name.
 * @returns A zod enum in the table's order.
 * @throws {OmcpError} `invalid_argument` when the version has no such table.
 */
export function columnNameSchema(version: CdmVersion, table: string): z.ZodEnum<Record<string, string>> {
  return z.enum(cdmTable(version, table).columns.map(nameOf));
}

function nameOf(named: { readonly name: string }): string {
  return named.name;
}
