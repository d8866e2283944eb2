/**
 * Which rows of the catalogs a sandbox sees: those of the relations that it may read and of PostgreSQL itself. Of others a
 * catalog shows names, comments, and constants in defaults, checks, indexes and partitions, whatever the role's rights. So a
 * catalog is replaced by a subquery, and a function that is given an OID gets it only if such a subquery has it.
 */
import { asNode, type Fields, isFields, listOf, textOf } from "./ast.ts";
import { parseStatements } from "./parser.ts";
import { quoteLiteral, quoteName } from "./rewrite.ts";
import { shapeOf } from "./tree_shape.ts";
import type { GuardPolicy } from "./types.ts";

/** The beginning of names in these subqueries. */
const PREFIX = "omcp_";
const PLACEHOLDER = "'omcp_placeholder'";
/** The first OID of objects that are not PostgreSQL's own. */
const FIRST_OWN = "16384";

/** A function that is given an OID. */
interface OidFunction {
  /** Where the OID must be found: by the catalog that the second argument names, or always in one. */
  readonly catalogs: readonly string[];
  readonly type: "oid" | "regclass";
  /** Set if the OID must come from a column: no tool asks in another way. */
  readonly ofColumn?: true;
}

/** `obj_description(oid, catalog)` names the catalog itself. */
const NAMED = ["pg_class", "pg_constraint", "pg_namespace", "pg_type"];

/** Functions that show what belongs to an OID. */
export const OID_FUNCTIONS: ReadonlyMap<string, OidFunction> = new Map<string, OidFunction>([
  ["pg_get_constraintdef", { catalogs: ["pg_constraint"], type: "oid" }],
  ["pg_get_indexdef", { catalogs: ["pg_class"], type: "oid" }],
  ["pg_get_statisticsobjdef_columns", { catalogs: ["pg_statistic_ext"], type: "oid" }],
  ["pg_get_triggerdef", { catalogs: ["pg_trigger"], type: "oid" }],
  ["pg_get_userbyid", { catalogs: ["pg_roles"], type: "oid", ofColumn: true }],
  ["pg_partition_ancestors", { catalogs: ["pg_class"], type: "regclass" }],
  ["pg_get_partkeydef", { catalogs: ["pg_class"], type: "oid" }],
  ["col_description", { catalogs: ["pg_class"], type: "oid" }],
  ["obj_description", { catalogs: NAMED, type: "oid" }],
  ["pg_relation_size", { catalogs: ["pg_class"], type: "regclass" }],
  ["pg_table_size", { catalogs: ["pg_class"], type: "regclass" }],
  ["pg_indexes_size", { catalogs: ["pg_class"], type: "regclass" }],
  ["pg_total_relation_size", { catalogs: ["pg_class"], type: "regclass" }],
]);

/** The subqueries of one policy. */
export class CatalogRows {
  readonly #relations: ReadonlyMap<string, string>;
  /** Shapes of the subqueries and of what is written around OIDs, each made when it is first needed. */
  readonly #shapes = new Map<string, string>();
  readonly #shown = new WeakMap<Fields, string | undefined>();

  /** @param policy What may be read. */
  constructor(policy: GuardPolicy) {
    this.#relations = subqueries(policy);
  }

  /**
   * The subquery that shows a catalog's rows.
   *
   * @param schema `pg_catalog` or `information_schema`.
   * @param name The catalog's name.
   * @returns SQL, or undefined where all rows may be seen.
   */
  rowsOf(schema: string, name: string): string | undefined {
    return this.#relations.get(`${schema}.${name}`);
  }

  /**
   * What is written around an OID so that it is NULL where it is out of sight.
   *
   * @param catalog Where it must be found.
   * @param type What the function takes.
   * @returns What goes before and behind it.
   */
  around(catalog: string, type: "oid" | "regclass"): readonly [before: string, after: string] {
    const rows = this.#relations.get(`pg_catalog.${catalog}`) ?? "";
    return [
      `(SELECT ${PREFIX}v.oid FROM (${rows}) AS ${PREFIX}v, (SELECT (`,
      `)::pg_catalog.${type}) AS ${PREFIX}q(a) WHERE ${PREFIX}v.oid = ${PREFIX}q.a)`,
    ];
  }

  /**
   * Finds the catalog that a subquery shows.
   *
   * @param subselect The fields of a RangeSubselect.
   * @returns The catalog with its schema, or undefined where it is another subquery.
   */
  shownBy(subselect: Fields): string | undefined {
    if (!this.#shown.has(subselect)) this.#shown.set(subselect, this.#catalogIn(subselect));
    return this.#shown.get(subselect);
  }

  #catalogIn(subselect: Fields): string | undefined {
    const from = asNode(listOf(asNode(subselect["subquery"])?.fields["fromClause"])[0]);
    if (from?.kind !== "RangeVar" || !isFields(from.fields["alias"])) return undefined;
    if (textOf(from.fields["alias"]["aliasname"]) !== `${PREFIX}x`) return undefined;
    const catalog = `${textOf(from.fields["schemaname"])}.${textOf(from.fields["relname"])}`;
    const rows = this.#relations.get(catalog);
    if (rows === undefined) return undefined;
    return shapeOf(subselect["subquery"]) === this.#shape(catalog, () => treeOf(rows)) ? catalog : undefined;
  }

  /**
   * Says whether {@link around} has been written around an argument.
   *
   * @param argument A wrapped expression.
   * @param catalog Where the OID must be found.
   * @param type What the function takes.
   * @returns Whether it has.
   */
  isAround(argument: unknown, catalog: string, type: "oid" | "regclass"): boolean {
    const whole = withAt(argument, TO_ARGUMENT, PLACEHOLDER_NODE);
    if (whole === undefined) return false;
    const [before, after] = this.around(catalog, type);
    const expected = this.#shape(
      `${catalog} ${type}`,
      () => targetOf(treeOf(`SELECT ${before}${PLACEHOLDER}${after}`)),
    );
    return shapeOf(whole) === expected;
  }

  #shape(name: string, tree: () => unknown): string {
    const shape = this.#shapes.get(name) ?? shapeOf(tree());
    this.#shapes.set(name, shape);
    return shape;
  }
}

/** The path to the argument within the tree of {@link CatalogRows.around}. */
const TO_ARGUMENT = ["SubLink", "subselect", "SelectStmt", "fromClause", "1", "RangeSubselect", "subquery"]
  .concat(
    ["SelectStmt", "targetList", "0", "ResTarget", "val", "TypeCast", "arg"],
  );

/** A copy of a tree with another node in one place; undefined where there is no such place. */
function withAt(tree: unknown, path: readonly string[], node: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return node;
  const fields = Array.isArray(tree) || isFields(tree) ? Object.entries(tree) : [];
  const found = fields.find(([name]) => name === key);
  const inner = found === undefined ? undefined : withAt(found[1], rest, node);
  if (inner === undefined) return undefined;
  const copy = fields.map(([name, value]) => [name, name === key ? inner : value] as const);
  return Array.isArray(tree) ? copy.map(([, value]) => value) : Object.fromEntries(copy);
}

const PLACEHOLDER_NODE = { A_Const: { sval: { sval: PLACEHOLDER.slice(1, -1) } } };

function treeOf(sql: string): unknown {
  return parseStatements(sql)[0]?.tree;
}

function targetOf(select: unknown): unknown {
  return asNode(listOf(asNode(select)?.fields["targetList"])[0])?.fields["val"];
}

/** The subqueries, by catalog. Every relation has its schema, so that no common table expression takes its place. */
function subqueries(policy: GuardPolicy): ReadonlyMap<string, string> {
  const schema = quoteLiteral(policy.cdmSchema);
  const array = quoteLiteral(`{${[...policy.relations].map(quoteName).join(",")}}`);
  const names = `ANY (${array}::pg_catalog.name[])`;
  const builtIn = "('pg_catalog', 'information_schema')";
  // OFFSET is a fence: without it the planner may test the client's condition first, on rows that are out of sight, and an error
  // of that condition quotes them.
  const rows = (relation: string, where: string): string =>
    `SELECT omcp_x.* FROM ${relation} AS omcp_x WHERE ${where} OFFSET 0`;
  const namespaces = (list: string): string =>
    `(SELECT omcp_n.oid FROM pg_catalog.pg_namespace AS omcp_n WHERE omcp_n.nspname ${list})`;
  const tables = `(SELECT omcp_t.oid FROM pg_catalog.pg_class AS omcp_t WHERE
    (omcp_t.relname = ${names} AND omcp_t.relnamespace = ${namespaces(`= ${schema}`)})
    OR omcp_t.relnamespace IN ${namespaces(`IN ${builtIn}`)})`;
  const classes = rows(
    "pg_catalog.pg_class",
    `omcp_x.oid IN ${tables}
    OR omcp_x.oid IN (SELECT omcp_i.indexrelid FROM pg_catalog.pg_index AS omcp_i WHERE omcp_i.indrelid IN ${tables})
    OR (omcp_x.relkind = 'S' AND EXISTS (SELECT FROM pg_catalog.pg_depend AS omcp_d WHERE omcp_d.classid = 1259 AND
      omcp_d.objid = omcp_x.oid AND omcp_d.refclassid = 1259 AND omcp_d.deptype IN ('a', 'i') AND omcp_d.refobjid IN ${tables}))`,
  );
  const within = (column: string): string =>
    `omcp_x.${column} IN (SELECT omcp_c.oid FROM (${classes}) AS omcp_c)`;
  const constraints = rows("pg_catalog.pg_constraint", `omcp_x.conrelid IN ${tables}`);
  const columnTypes =
    `(SELECT omcp_a.atttypid FROM pg_catalog.pg_attribute AS omcp_a WHERE omcp_a.attrelid IN ${tables} AND omcp_a.attnum > 0)`;
  const types = rows(
    "pg_catalog.pg_type",
    `omcp_x.typnamespace IN ${
      namespaces(`IN ${builtIn}`)
    } OR omcp_x.typrelid IN ${tables} OR omcp_x.oid IN ${columnTypes}
    OR omcp_x.typelem IN ${columnTypes} OR omcp_x.oid IN (SELECT omcp_e.typelem FROM pg_catalog.pg_type AS omcp_e WHERE omcp_e.oid IN ${columnTypes})
    OR omcp_x.typelem IN (SELECT omcp_r.reltype FROM pg_catalog.pg_class AS omcp_r WHERE omcp_r.oid IN ${tables} AND omcp_r.reltype <> 0)`,
  );
  const schemas = rows(
    "pg_catalog.pg_namespace",
    `omcp_x.nspname IN ('pg_catalog', 'information_schema', 'public', ${schema})`,
  );
  const named = (schemaColumn: string, nameColumn: string): string =>
    `(omcp_x.${schemaColumn} = ${schema} AND omcp_x.${nameColumn} = ${names}) OR omcp_x.${schemaColumn} IN ${builtIn}`;
  const own = (column: string): string => `omcp_x.${column} < ${FIRST_OWN}`;
  // A constraint's name does not identify it: another table's constraint may have the same name.
  const constraintNamed = `omcp_x.constraint_schema IN ${builtIn} OR (omcp_x.constraint_schema = ${schema}
    AND omcp_x.constraint_name IN (SELECT omcp_k.conname FROM (${constraints}) AS omcp_k)
    AND omcp_x.constraint_name NOT IN (SELECT omcp_h.conname FROM pg_catalog.pg_constraint AS omcp_h
      WHERE omcp_h.connamespace = ${namespaces(`= ${schema}`)} AND omcp_h.conrelid NOT IN ${tables}))`;
  const extra = (policy.extraFunctions ?? []).map((name) => `, ${quoteLiteral(name)}`).join("");
  const catalogs: Readonly<Record<string, string>> = {
    pg_attrdef: within("adrelid"),
    pg_attribute: within("attrelid"),
    pg_description: `omcp_x.objoid < ${FIRST_OWN} OR (omcp_x.classoid = 1259 AND ${within("objoid")})
      OR (omcp_x.classoid = 2606 AND omcp_x.objoid IN (SELECT omcp_k.oid FROM (${constraints}) AS omcp_k))
      OR (omcp_x.classoid = 2615 AND omcp_x.objoid IN (SELECT omcp_k.oid FROM (${schemas}) AS omcp_k))`,
    pg_enum: `omcp_x.enumtypid IN (SELECT omcp_k.oid FROM (${types}) AS omcp_k)`,
    pg_index: `omcp_x.indrelid IN ${tables}`,
    pg_indexes: named("schemaname", "tablename"),
    pg_inherits: `${within("inhrelid")} AND ${within("inhparent")}`,
    pg_matviews: named("schemaname", "matviewname"),
    pg_collation: own("oid"),
    pg_opclass: own("oid"),
    pg_opfamily: own("oid"),
    pg_operator: own("oid"),
    pg_partitioned_table: within("partrelid"),
    // The conditions that keep rows from the role are not for it to see, nor who subscribes to what.
    pg_policy: "false",
    pg_publication: "false",
    pg_publication_namespace: "false",
    pg_publication_rel: "false",
    pg_roles: "omcp_x.rolname = CURRENT_USER",
    pg_sequence: within("seqrelid"),
    pg_statistic_ext: `omcp_x.stxrelid IN ${tables}`,
    pg_tables: named("schemaname", "tablename"),
    pg_tablespace: own("oid"),
    pg_trigger: `omcp_x.tgrelid IN ${tables}`,
    pg_ts_config: own("oid"),
    pg_views: named("schemaname", "viewname"),
  };
  const views: Readonly<Record<string, string>> = {
    check_constraints: constraintNamed,
    columns: named("table_schema", "table_name"),
    constraint_column_usage: named("table_schema", "table_name"),
    constraint_table_usage: named("table_schema", "table_name"),
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
    ...Object.entries(catalogs).map(([name, where]) =>
      [`pg_catalog.${name}`, rows(`pg_catalog.${name}`, where)] as const
    ),
    ...Object.entries(views).map(([name, where]) =>
      [`information_schema.${name}`, rows(`information_schema.${name}`, where)] as const
    ),
  ]);
}
