/**
 * Which rows of the catalogs a sandbox sees: those of the relations that it may read and of PostgreSQL itself. Without this, a catalog would show
 * other objects, too, whatever the role's rights: their names, comments, and constants in defaults, checks, indexes and partitions. So a catalog is
 * replaced by a subquery. A function gets an OID only if such a subquery has it. A value whose text is an object's name is shown only in the same
 * case.
 */
import { asNode, type Fields, isFields, listOf, textOf } from "./ast.ts";
import { OID_FUNCTIONS, type OidType } from "./oid_functions.ts";
import { parseStatements } from "./parser.ts";
import { REG_TYPES } from "./reg_values.ts";
import { FIRST_OWN, selectOf, type ShownRows, shownRows } from "./shown_rows.ts";
import { type Openings, Template } from "./template.ts";
import { shapeOf } from "./tree_shape.ts";
import type { GuardPolicy } from "./types.ts";

/** The subqueries of one policy. */
export class CatalogRows {
  readonly #shown: ReadonlyMap<string, ShownRows>;
  /** Shapes of the subqueries, each made when it is first needed. */
  readonly #shapes = new Map<string, string>();
  readonly #catalogs = new WeakMap<Fields, string | undefined>();
  readonly #templates = new Map<string, Template>();
  #all: readonly Template[] | undefined;

  /** @param policy What may be read. */
  constructor(policy: GuardPolicy) {
    this.#shown = shownRows(policy);
  }

  /**
   * The subquery that shows a catalog's rows.
   *
   * @param schema `pg_catalog` or `information_schema`.
   * @param name The catalog's name.
   * @returns SQL, or undefined if all rows may be seen.
   */
  rowsOf(schema: string, name: string): string | undefined {
    const rows = this.#shown.get(`${schema}.${name}`);
    return rows === undefined ? undefined : selectOf(rows);
  }

  /**
   * What is written around an OID so that it is NULL if it is out of sight.
   *
   * @param catalog Where it must be found.
   * @param type What the function takes.
   * @returns The template.
   */
  oid(catalog: string, type: OidType): Template {
    const cast = type === "oid" ? "" : `::pg_catalog.${type}`;
    const found = catalog === "pg_type" ? this.#ownOrFound(catalog) : this.#found(catalog);
    return this.#template(
      `${catalog} ${type}`,
      (argument) => `(SELECT ${found} FROM ${given(argument, cast)})`,
    );
  }

  /**
   * What is written around a value of a reg type so that it becomes the object's name as text, or NULL where the object is out
   * of sight.
   *
   * @param type The type: `regclass`, `regtype` …
   * @param catalog Where the object must be found.
   * @returns The template, which names its column.
   */
  name(type: string, catalog: string): Template {
    const cast = `::pg_catalog.${type}`;
    return this.#template(
      type,
      (argument, name) =>
        `(SELECT (${this.#ownOrFound(catalog)})${cast}::pg_catalog.text AS ${name} FROM ${
          given(argument, cast)
        })`,
    );
  }

  /** What is written around the argument of pg_partition_ancestors(), with the call, to get the result as an array of OIDs. */
  get ancestors(): Template {
    const relation = this.oid("pg_class", "regclass").around().join("\0");
    const [before, after] = ANCESTORS;
    return this.#template(
      "ancestors",
      (argument) =>
        `${before}pg_catalog.pg_partition_ancestors(${relation.replace("\0", () => argument)})${after}`,
    );
  }

  /**
   * Finds the catalog that a subquery shows.
   *
   * @param subselect The fields of a RangeSubselect.
   * @returns The catalog with its schema, or undefined if it is another subquery.
   */
  shownBy(subselect: Fields): string | undefined {
    if (!this.#catalogs.has(subselect)) this.#catalogs.set(subselect, this.#catalogIn(subselect));
    return this.#catalogs.get(subselect);
  }

  /**
   * Finds the client's expression in what the guard has written around it.
   *
   * @param sublink The fields of a SubLink.
   * @returns The wrapped expression; undefined if it is another subquery.
   */
  argumentIn(sublink: Fields): unknown {
    const from = asNode(listOf(asNode(sublink["subselect"])?.fields["fromClause"])[0]);
    const alias = isFields(from?.fields["alias"]) ? textOf(from.fields["alias"]["aliasname"]) : "";
    if (alias !== "omcp_q" && alias !== "omcp_a") return undefined;
    const openings: Openings = new Map();
    for (const template of this.#all ??= this.#allTemplates()) {
      const argument = template.argumentIn({ SubLink: sublink }, openings);
      if (argument !== undefined) return argument;
    }
    return undefined;
  }

  #allTemplates(): readonly Template[] {
    const oids = [...OID_FUNCTIONS.values()].flatMap(({ catalogs, type }) =>
      type === "name" ? [] : catalogs.map((catalog) => this.oid(catalog, type))
    );
    const names = [...REG_TYPES].map(([type, catalog]) => this.name(type, catalog ?? ""));
    return [...new Set([...oids, ...names, this.ancestors])];
  }

  #catalogIn(subselect: Fields): string | undefined {
    const from = asNode(listOf(asNode(subselect["subquery"])?.fields["fromClause"])[0]);
    if (from?.kind !== "RangeVar" || !isFields(from.fields["alias"])) return undefined;
    if (textOf(from.fields["alias"]["aliasname"]) !== "omcp_x") return undefined;
    const catalog = `${textOf(from.fields["schemaname"])}.${textOf(from.fields["relname"])}`;
    const rows = this.#shown.get(catalog);
    if (rows === undefined) return undefined;
    const shape = this.#shapes.get(catalog) ?? shapeOf(parseStatements(selectOf(rows))[0]?.tree);
    this.#shapes.set(catalog, shape);
    return shapeOf(subselect["subquery"]) === shape ? catalog : undefined;
  }

  /** The OID `omcp_q.a`, if the catalog's rows that are shown have it. */
  #found(catalog: string): string {
    const { relation, where } = this.#shown.get(`pg_catalog.${catalog}`) ?? NOTHING;
    return `(SELECT omcp_x.oid FROM ${relation} AS omcp_x WHERE omcp_x.oid = omcp_q.a AND (${where}))`;
  }

  /** The same, and quickly, for PostgreSQL's own objects. */
  #ownOrFound(catalog: string): string {
    return `CASE WHEN omcp_q.a < ${FIRST_OWN} THEN omcp_q.a ELSE ${this.#found(catalog)} END`;
  }

  #template(key: string, write: (argument: string, name: string) => string): Template {
    const template = this.#templates.get(key) ?? new Template(write);
    this.#templates.set(key, template);
    return template;
  }
}

/** What is written around a call of pg_partition_ancestors(). */
export const ANCESTORS: readonly [before: string, after: string] = [
  "ARRAY(SELECT omcp_a.relid::pg_catalog.oid FROM ",
  " AS omcp_a(relid))",
];

const NOTHING = { relation: "pg_catalog.pg_class", where: "false" };

/** A relation `omcp_q` of one row. OFFSET keeps the planner from writing the argument wherever its value is used. */
function given(argument: string, cast: string): string {
  return `(SELECT (${argument})${cast}::pg_catalog.oid OFFSET 0) AS omcp_q(a)`;
}
