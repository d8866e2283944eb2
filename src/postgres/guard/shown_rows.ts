/** The conditions and columns of the catalogs' rows that a sandbox sees. */
import { quoteLiteral, quoteName } from "./rewrite.ts";
import type { GuardPolicy } from "./types.ts";

/** The first OID of objects that are not PostgreSQL's own: the names of those below are the same everywhere. */
export const FIRST_OWN = "16384";

/** Which rows of a catalog are shown. */
export interface ShownRows {
  /** The catalog, with its schema. */
  readonly relation: string;
  /** The columns. */
  readonly columns: string;
  /** The condition, in which the catalog is called `omcp_x`. */
  readonly where: string;
}

/**
 * The columns of the catalogs that have some of type regproc, in their order; a star marks these. They are shown as oid: beside a value of type
 * regproc, as in CASE, any oid would become one, and be shown as a function's name.
 */
export const NAMED_COLUMNS: Readonly<Record<string, string>> = {
  pg_operator:
    "oid oprname oprnamespace oprowner oprkind oprcanmerge oprcanhash oprleft oprright oprresult oprcom " +
    "oprnegate oprcode* oprrest* oprjoin*",
  pg_range: "rngtypid rngsubtype rngmultitypid rngcollation rngsubopc rngcanonical* rngsubdiff*",
  pg_type:
    "oid typname typnamespace typowner typlen typbyval typtype typcategory typispreferred typisdefined typdelim " +
    "typrelid typsubscript* typelem typarray typinput* typoutput* typreceive* typsend* typmodin* typmodout* typanalyze* " +
    "typalign typstorage typnotnull typbasetype typtypmod typndims typcollation typdefaultbin typdefault typacl",
};

/** The columns of pg_type that are of type regproc. Drivers recognise types by the names of these functions: see `CatalogAccess.showFunction`. */
export const FUNCTION_COLUMNS: ReadonlySet<string> = new Set(
  (NAMED_COLUMNS["pg_type"] ?? "").split(" ").filter((column) => column.endsWith("*")).map((column) =>
    column.slice(0, -1)
  ),
);

function columnsOf(catalog: string): string {
  const columns = NAMED_COLUMNS[catalog]?.split(" ") ?? ["*"];
  return columns.map((column) => {
    const name = column.slice(0, -1);
    const function_ = column.length > 1 && column.endsWith("*");
    return function_ ? `omcp_x.${name}::pg_catalog.oid AS ${name}` : `omcp_x.${column}`;
  }).join(", ");
}

/**
 * The SELECT that shows a catalog's rows.
 *
 * @param rows Which rows.
 * @returns SQL. OFFSET is a fence. Without it, the planner may test the client's condition first, also on hidden rows, and an error of that
 * condition would quote them.
 */
export function selectOf({ relation, columns, where }: ShownRows): string {
  return `SELECT ${columns} FROM ${relation} AS omcp_x WHERE ${where} OFFSET 0`;
}

/**
 * Which rows a sandbox sees of each catalog. Every relation has its schema, so that no common table expression takes its place.
 *
 * @param policy What may be read.
 * @returns The rows, by the catalog's name with its schema.
 */
export function shownRows(policy: GuardPolicy): ReadonlyMap<string, ShownRows> {
  const schema = quoteLiteral(policy.cdmSchema);
  const array = quoteLiteral(`{${[...policy.relations].map(quoteName).join(",")}}`);
  const names = `ANY (${array}::pg_catalog.name[])`;
  const builtIn = "('pg_catalog', 'information_schema')";
  const namespaces = (list: string): string =>
    `(SELECT omcp_n.oid FROM pg_catalog.pg_namespace AS omcp_n WHERE omcp_n.nspname ${list})`;
  const tables = `(SELECT omcp_t.oid FROM pg_catalog.pg_class AS omcp_t WHERE
    (omcp_t.relname = ${names} AND omcp_t.relnamespace = ${namespaces(`= ${schema}`)})
    OR omcp_t.relnamespace IN ${namespaces(`IN ${builtIn}`)})`;
  const classes = rows(
    "pg_class",
    `omcp_x.oid IN ${tables}
    OR omcp_x.oid IN (SELECT omcp_i.indexrelid FROM pg_catalog.pg_index AS omcp_i WHERE omcp_i.indrelid IN ${tables})
    OR (omcp_x.relkind = 'S' AND EXISTS (SELECT FROM pg_catalog.pg_depend AS omcp_d WHERE omcp_d.classid = 1259 AND
      omcp_d.objid = omcp_x.oid AND omcp_d.refclassid = 1259 AND omcp_d.deptype IN ('a', 'i') AND omcp_d.refobjid IN ${tables}))`,
  );
  const within = (column: string): string =>
    `omcp_x.${column} IN (SELECT omcp_c.oid FROM (${selectOf(classes)}) AS omcp_c)`;
  // A foreign key's definition names the table that it references.
  const constraints = rows(
    "pg_constraint",
    `omcp_x.conrelid IN ${tables} AND (omcp_x.confrelid = 0 OR omcp_x.confrelid IN ${tables})`,
  );
  const columnTypes =
    `(SELECT omcp_a.atttypid FROM pg_catalog.pg_attribute AS omcp_a WHERE omcp_a.attrelid IN ${tables} AND omcp_a.attnum > 0)`;
  const types = rows(
    "pg_type",
    `omcp_x.typnamespace IN ${
      namespaces(`IN ${builtIn}`)
    } OR omcp_x.typrelid IN ${tables} OR omcp_x.oid IN ${columnTypes}
    OR omcp_x.typelem IN ${columnTypes} OR omcp_x.oid IN (SELECT omcp_e.typelem FROM pg_catalog.pg_type AS omcp_e WHERE omcp_e.oid IN ${columnTypes})
    OR omcp_x.typelem IN (SELECT omcp_r.reltype FROM pg_catalog.pg_class AS omcp_r WHERE omcp_r.oid IN ${tables} AND omcp_r.reltype <> 0)`,
  );
  const schemas = rows(
    "pg_namespace",
    `omcp_x.nspname IN ('pg_catalog', 'information_schema', 'public', ${schema})`,
  );
  const named = (schemaColumn: string, nameColumn: string): string =>
    `(omcp_x.${schemaColumn} = ${schema} AND omcp_x.${nameColumn} = ${names}) OR omcp_x.${schemaColumn} IN ${builtIn}`;
  const own = (column: string): string => `omcp_x.${column} < ${FIRST_OWN}`;
  // A constraint's name does not identify it: another table's constraint may have the same name.
  const constraintNamed = `omcp_x.constraint_schema IN ${builtIn} OR (omcp_x.constraint_schema = ${schema}
    AND omcp_x.constraint_name IN (SELECT omcp_k.conname FROM (${selectOf(constraints)}) AS omcp_k)
    AND omcp_x.constraint_name NOT IN (SELECT omcp_h.conname FROM pg_catalog.pg_constraint AS omcp_h
      WHERE omcp_h.connamespace = ${namespaces(`= ${schema}`)} AND omcp_h.conrelid NOT IN ${tables}))`;
  const extra = (policy.extraFunctions ?? []).map((name) => `, ${quoteLiteral(name)}`).join("");
  const catalogs: Readonly<Record<string, string>> = {
    pg_attrdef: within("adrelid"),
    pg_attribute: within("attrelid"),
    pg_description: `omcp_x.objoid < ${FIRST_OWN} OR (omcp_x.classoid = 1259 AND ${within("objoid")})
      OR (omcp_x.classoid = 2606 AND omcp_x.objoid IN (SELECT omcp_k.oid FROM (${
      selectOf(constraints)
    }) AS omcp_k))
      OR (omcp_x.classoid = 2615 AND omcp_x.objoid IN (SELECT omcp_k.oid FROM (${
      selectOf(schemas)
    }) AS omcp_k))`,
    pg_enum: `omcp_x.enumtypid IN (SELECT omcp_k.oid FROM (${selectOf(types)}) AS omcp_k)`,
    pg_index: `omcp_x.indrelid IN ${tables}`,
    pg_indexes: named("schemaname", "tablename"),
    pg_inherits: `${within("inhrelid")} AND ${within("inhparent")}`,
    pg_matviews: named("schemaname", "matviewname"),
    pg_collation: own("oid"),
    pg_opclass: own("oid"),
    pg_opfamily: own("oid"),
    pg_operator: own("oid"),
    pg_partitioned_table: within("partrelid"),
    // The role must not see the conditions of policies, which keep rows from it, nor who subscribes to what.
    pg_policy: "false",
    pg_publication: "false",
    pg_publication_namespace: "false",
    pg_publication_rel: "false",
    pg_range: `omcp_x.rngtypid IN (SELECT omcp_k.oid FROM (${selectOf(types)}) AS omcp_k)`,
    pg_roles: "omcp_x.rolname = CURRENT_USER",
    pg_sequence: within("seqrelid"),
    pg_statistic_ext: `omcp_x.stxrelid IN ${tables}`,
    pg_tables: named("schemaname", "tablename"),
    pg_tablespace: own("oid"),
    // A foreign key's trigger on the table that it references names the other table.
    pg_trigger:
      `omcp_x.tgrelid IN ${tables} AND (omcp_x.tgconstrrelid = 0 OR omcp_x.tgconstrrelid IN ${tables})`,
    pg_ts_config: own("oid"),
    pg_views: named("schemaname", "viewname"),
  };
  const views: Readonly<Record<string, string>> = {
    check_constraints: constraintNamed,
    columns: named("table_schema", "table_name"),
    // The constraint may be a foreign key of another table.
    constraint_column_usage: `(${named("table_schema", "table_name")}) AND (${constraintNamed})`,
    constraint_table_usage: `(${named("table_schema", "table_name")}) AND (${constraintNamed})`,
    key_column_usage: named("table_schema", "table_name"),
    referential_constraints: constraintNamed,
    routines:
      `omcp_x.routine_schema IN ${builtIn} OR omcp_x.routine_schema || '.' || omcp_x.routine_name IN (''${extra})`,
    schemata: `omcp_x.schema_name IN ('pg_catalog', 'information_schema', 'public', ${schema})`,
    table_constraints: named("table_schema", "table_name"),
    tables: named("table_schema", "table_name"),
    views: named("table_schema", "table_name"),
  };
  return new Map([
    ["pg_catalog.pg_class", classes],
    ["pg_catalog.pg_constraint", constraints],
    ["pg_catalog.pg_namespace", schemas],
    ["pg_catalog.pg_type", types],
    ...Object.entries(catalogs).map(([name, where]) => [`pg_catalog.${name}`, rows(name, where)] as const),
    ...Object.entries(views).map(([name, where]) => {
      const relation = `information_schema.${name}`;
      return [relation, { relation, columns: "omcp_x.*", where }] as const;
    }),
  ]);
}

function rows(catalog: string, where: string): ShownRows {
  return { relation: `pg_catalog.${catalog}`, columns: columnsOf(catalog), where };
}
