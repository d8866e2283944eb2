/** Which concepts a typed query names in its conditions, so that a tool can check them. Pure. */
import { isRecord } from "../../lib/is_record.ts";
import { OmcpError } from "../../errors.ts";
import type { CdmVersion } from "../cdm/mod.ts";
import { Scope } from "./columns.ts";
import { conditionsIn, itemsOf } from "./conditions.ts";
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
 * Finds the concepts of a query, wherever conditions are.
 *
 * @param query As for {@link conditionsIn}.
 * @param table The query's table, as for {@link conditionsIn}.
 * @param version The CDM's version.
 * @returns The concepts of each condition that names some.
 */
export function comparedConcepts(
  query: unknown,
  table: string,
  version: CdmVersion,
): readonly ComparedConcepts[] {
  return conditionsIn(query, table).flatMap((condition) => {
    if (!CONCEPT_COLUMN.test(condition.column) || !NAMING.has(condition.op)) return [];
    const items = itemsOf(condition);
    const ids = items.flatMap((item) => isRecord(item) ? idOf(item["concept_id"]) : idOf(item));
    const flags = items.map((item) => isRecord(item) && item["include_descendants"] === true);
    const named = columnOf(condition.column, condition.table, version);
    return ids.length === 0 || named === undefined ? [] : [{
      table: named.table,
      column: named.name,
      ids,
      descendants: flags.every((flag) => flag),
    }];
  });
}

/** What a column's text names; undefined if it names no column, which compiling the query reports. */
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
