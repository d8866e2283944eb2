/** Which concepts a typed query names in its conditions, so that a tool can check them. Pure. */
import { isRecord } from "../../lib/is_record.ts";
import { OmcpError } from "../../errors.ts";
import type { CdmVersion } from "../cdm/mod.ts";
import { Scope } from "./columns.ts";
import type { Value } from "./value.ts";

/** Concepts that conditions compare a column with. */
export interface ComparedConcepts {
  readonly table: string;
  readonly column: string;
  readonly ids: readonly number[];
  /** Whether their descendants are included. */
  readonly descendants: boolean;
}

/** The comparisons that name concepts one by one. */
const NAMING: ReadonlySet<unknown> = new Set(["=", "in", "in_concept_set"]);
const CONCEPT_COLUMN = /concept_id(?:_\d)?$/;

/**
 * Finds the concepts of a query wherever conditions are: in filters, within `or`, and in criteria of persons, which have a table of
 * their own.
 *
 * @param query A query or a part of one, as a caller wrote it; what is not a condition is ignored.
 * @param table The table that the part is about.
 * @param version The CDM's version.
 * @returns The concepts of each condition that names some.
 */
export function comparedConcepts(
  query: unknown,
  table: string,
  version: CdmVersion,
): readonly ComparedConcepts[] {
  if (Array.isArray(query)) return query.flatMap((part) => comparedConcepts(part, table, version));
  if (!isRecord(query)) return [];
  const own = typeof query["table"] === "string" ? query["table"].toLowerCase() : table;
  const { column, op, value } = query;
  if (typeof column === "string" && CONCEPT_COLUMN.test(column) && NAMING.has(op)) {
    const items = isRecord(value) && Array.isArray(value["items"]) ? value["items"] : [value].flat();
    const ids = items.flatMap((item: unknown) => isRecord(item) ? idOf(item["concept_id"]) : idOf(item));
    const flags = items.map((item: unknown) => isRecord(item) && item["include_descendants"] === true);
    const named = columnOf(column.toLowerCase(), own, version);
    return ids.length === 0 || named === undefined ? [] : [{
      table: named.table,
      column: named.name,
      ids,
      descendants: flags.every((flag) => flag),
    }];
  }
  return Object.values(query).flatMap((part) => comparedConcepts(part, own, version));
}

/** What a column's text names; undefined where it names no column, which compiling the query reports. */
function columnOf(written: string, table: string, version: CdmVersion): Value["column"] {
  try {
    return new Scope(version, table).find(written).column;
  } catch (error) {
    if (error instanceof OmcpError) return undefined;
    throw error;
  }
}

function idOf(value: unknown): readonly number[] {
  const id = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof id === "number" && Number.isSafeInteger(id) && id >= 0 ? [id] : [];
}
