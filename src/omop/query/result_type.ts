import type { CdmType } from "../cdm/mod.ts";

/** The types of a result's columns; `varchar` is reported as `text`. */
export type ResultType = "integer" | "bigint" | "numeric" | "date" | "timestamp" | "text";

/** A column of a query's result. */
export interface ResultColumn {
  readonly name: string;
  readonly type: ResultType;
  /** Whether it is computed from several rows: null then means that there were no values. */
  readonly statistic?: true;
}

/**
 * The type of a value in a result.
 *
 * @param type The type in the CDM.
 */
export function resultType(type: CdmType): ResultType {
  return type === "varchar" ? "text" : type;
}
