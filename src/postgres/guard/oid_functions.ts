/** How an OID is given: as a number, or as a relation's name too. */
export type OidType = "oid" | "regclass";

/** A function that is given an OID, or a relation's name. */
export interface OidFunction {
  /** The catalogs that may hold the OID; of several, the function's second argument names one. */
  readonly catalogs: readonly string[];
  /** `name` is a relation's name as text, and the guard's replacement for it is a name, too. */
  readonly type: OidType | "name";
  /** Which argument it is, from 0. @default 0 */
  readonly argument?: number;
  /** Set if only an OID in a column is allowed: no tool passes another. */
  readonly ofColumn?: true;
}

/** `obj_description(oid, catalog)` names the catalog itself. */
const NAMED = ["pg_class", "pg_constraint", "pg_namespace", "pg_type"];

/** Functions that show what belongs to an OID. */
export const OID_FUNCTIONS: ReadonlyMap<string, OidFunction> = new Map<string, OidFunction>([
  ["col_description", { catalogs: ["pg_class"], type: "oid" }],
  ["format_type", { catalogs: ["pg_type"], type: "oid" }],
  // The error about a column that does not exist names the relation.
  ["has_column_privilege", { catalogs: ["pg_class"], type: "regclass" }],
  ["obj_description", { catalogs: NAMED, type: "oid" }],
  ["pg_get_constraintdef", { catalogs: ["pg_constraint"], type: "oid" }],
  // It writes the columns of the expression by their names in this relation.
  ["pg_get_expr", { catalogs: ["pg_class"], type: "oid", argument: 1 }],
  ["pg_get_indexdef", { catalogs: ["pg_class"], type: "oid" }],
  ["pg_get_partkeydef", { catalogs: ["pg_class"], type: "oid" }],
  ["pg_get_serial_sequence", { catalogs: ["pg_class"], type: "name" }],
  ["pg_get_statisticsobjdef_columns", { catalogs: ["pg_statistic_ext"], type: "oid" }],
  ["pg_get_triggerdef", { catalogs: ["pg_trigger"], type: "oid" }],
  ["pg_get_userbyid", { catalogs: ["pg_roles"], type: "oid", ofColumn: true }],
  ["pg_indexes_size", { catalogs: ["pg_class"], type: "regclass" }],
  ["pg_partition_ancestors", { catalogs: ["pg_class"], type: "regclass" }],
  ["pg_relation_size", { catalogs: ["pg_class"], type: "regclass" }],
  ["pg_table_size", { catalogs: ["pg_class"], type: "regclass" }],
  ["pg_total_relation_size", { catalogs: ["pg_class"], type: "regclass" }],
]);
