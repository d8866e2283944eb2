/** Which concepts a typed query names in its conditions, so that a tool can check them. Pure. */
import { isRecord } from "../../lib/is_record.ts";
import { OmcpError } from "../../errors.ts";
import { type CdmVersion, isConceptColumn } from "../cdm/mod.ts";
import { writtenItems } from "../concepts/mod.ts";
import { Scope } from "./columns.ts";
import { conditionsIn } from "./conditions.ts";
import type { Value } from "./value.ts";

/** Concepts that conditions compare a column with. */
export interface ComparedConcepts {
  readonly table: string;
  readonly column: string;
  readonly ids: readonly number[];
  /** Whether their descendants are included. */
  readonly descendants: boolean;
  /** Whether rows with them are left out: that these exist does not explain a result without rows. */
  readonly unwanted?: true;
}

/**
 * Tells the concepts that a set includes from those that it excludes.
 *
 * @param items The items of a set, or ids.
 * @param compared What they are compared with, and whether rows with those that are included are left out.
 * @returns One or two comparisons; none without ids.
 */
export function comparedItems(
  items: readonly unknown[],
  { negated = false, ...place }: Pick<ComparedConcepts, "table" | "column"> & { readonly negated?: boolean },
): readonly ComparedConcepts[] {
  return [false, true].flatMap((excluded) => {
    const own = items.filter((item) => (isRecord(item) && item["exclude"] === true) === excluded);
    const ids = own.flatMap((item) => isRecord(item) ? idOf(item["concept_id"]) : idOf(item));
    const descendants = own.every((item) => isRecord(item) && item["include_descendants"] === true);
    if (ids.length === 0) return [];
    return [{ ...place, ids, descendants, ...(excluded !== negated ? { unwanted: true as const } : {}) }];
  });
}

/** The comparisons that name concepts one by one. */
const NAMING: ReadonlySet<unknown> = new Set(["=", "in", "in_concept_set"]);

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
    if (!isConceptColumn(condition.column) || !NAMING.has(condition.op)) return [];
    const named = columnOf(condition.column, condition.table, version);
    if (named === undefined) return [];
    const { value, negated } = condition;
    return comparedItems(writtenItems(value), { table: named.table, column: named.name, negated });
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
