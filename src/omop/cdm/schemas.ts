import * as z from "zod";
import { CDM_VERSIONS, type CdmVersion } from "./notation.ts";
import { cdmTables } from "./tables.ts";

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

function nameOf(named: { readonly name: string }): string {
  return named.name;
}
